"""Requests from WSGI servers (PEP 3333), for Flask and Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from watchword.web.http import Headers, Request, parse_cookies, parse_query

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["WsgiRequest"]


class _EnvironNames(dict[str, str]):
    """The names of header fields in an environ. They are few, because only our own code asks for them."""

    def __missing__(self, name: str) -> str:
        environ_name = name.upper().replace("-", "_")
        if environ_name not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            environ_name = f"HTTP_{environ_name}"
        self[name] = environ_name
        return environ_name


_ENVIRON_NAMES = _EnvironNames()


class _EnvironHeaders(Headers):
    """The header fields in an environ, in which the server has joined several fields of one name."""

    __slots__ = ("_environ",)

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def find(self, name: str) -> str | None:
        """Return the value of a header field, or ``None`` without such a field."""
        value: str | None = self._environ.get(_ENVIRON_NAMES[name])
        return value

    def find_all(self, name: str) -> Sequence[str]:
        """Return the joined value of all fields of this name, if there is any."""
        value = self.find(name)
        return () if value is None else (value,)


_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class WsgiRequest(Request):
    """The request that an environ describes. Each part is read when it is asked for.

    A guard reads two parts of every request, so it must not pay for the others.

    Args:
        environ: the environ.
        path_parameters: what stands in the path for the ``{name}`` parts of the route.
        body: the bytes of the body, which the adapter has read.
    """

    __slots__ = ("_body", "_environ", "_path_parameters")

    _environ: WSGIEnvironment
    _path_parameters: Mapping[str, str]
    _body: bytes

    # A third of the time of a frozen dataclass. The parts cannot be set all the same: they are properties.
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(
        self,
        environ: WSGIEnvironment,
        path_parameters: Mapping[str, str] = _NO_PARAMETERS,
        body: bytes = b"",
    ) -> None:
        self._environ = environ
        self._path_parameters = path_parameters
        self._body = body

    @property
    def method(self) -> str:
        """The method, in upper case."""
        method: str = self._environ["REQUEST_METHOD"]
        return method

    @property
    def scheme(self) -> str:
        """The scheme of the connection."""
        scheme: str = self._environ["wsgi.url_scheme"]
        return scheme

    @property
    def host(self) -> str:
        """The host that the client named, or the server's own name for a client that named none."""
        host: str = self._environ.get("HTTP_HOST") or self._environ.get("SERVER_NAME", "")
        return host

    @property
    def mount_path(self) -> str:
        """The path at which the application is mounted."""
        return _decode(self._environ.get("SCRIPT_NAME", ""))

    @property
    def path(self) -> str:
        """The decoded path below ``mount_path``."""
        return _decode(self._environ.get("PATH_INFO", ""))

    @property
    def path_parameters(self) -> Mapping[str, str]:
        """What stands in the path for the ``{name}`` parts of the route."""
        return self._path_parameters

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The values of each query parameter."""
        return parse_query(_decode(self._environ.get("QUERY_STRING", "")))

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return _EnvironHeaders(self._environ)

    def find_header(self, name: str) -> str | None:
        """Return the value of a header field, or ``None`` without such a field."""
        return self._environ.get(_ENVIRON_NAMES[name])

    @property
    def cookies(self) -> Mapping[str, str]:
        """The value of each cookie."""
        return parse_cookies(self._environ.get("HTTP_COOKIE"))

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return self._body

    @property
    def peer(self) -> str | None:
        """The IP address at the other end of the connection."""
        return self._environ.get("REMOTE_ADDR")


def _decode(text: str) -> str:
    """Decode a part of the URL, whose bytes PEP 3333 hands over as if they were Latin-1."""
    try:
        return text.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text  # PEP 3333 forbids these characters. A framework may have decoded the part already.
