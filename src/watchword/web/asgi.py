"""Requests from ASGI servers, for Starlette, FastAPI and the server of ``watchword serve``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import Any

from watchword.errors import BodyTooLarge
from watchword.web.http import Headers, Request, is_declared_longer, parse_cookies, parse_query

__all__ = ["AsgiRequest", "ClientDisconnected", "read_body"]


class ClientDisconnected(Exception):
    """The client closed the connection before its whole body came. It will not read an answer."""


class _RawNames(dict[str, bytes]):
    """The names of header fields in a scope. They are few, because only our own code asks for them."""

    def __missing__(self, name: str) -> bytes:
        self[name] = raw_name = name.lower().encode("latin-1", "replace")
        return raw_name


_RAW_NAMES = _RawNames()


class _ScopeHeaders(Headers):
    """The header fields in a scope. The server has put their names into lower case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._fields = fields

    def find_all(self, name: str) -> Sequence[str]:
        """Return the value of each field of this name."""
        wanted = _RAW_NAMES[name]
        return tuple(value.decode("latin-1") for raw_name, value in self._fields if raw_name == wanted)


_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class AsgiRequest(Request):
    """The request that the scope of an HTTP request or of a WebSocket describes.

    Each part is read when it is asked for. A guard reads two parts of every request, so it must not pay for
    the others.

    Args:
        scope: the scope.
        path_parameters: what stands in the path for the ``{name}`` parts of the route.
        body: the bytes of the body, which the adapter has read.
    """

    __slots__ = ("_body", "_path_parameters", "_scope")

    _scope: Mapping[str, Any]
    _path_parameters: Mapping[str, str]
    _body: bytes

    # A third of the time of a frozen dataclass. The parts cannot be set all the same: they are properties.
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(
        self,
        scope: Mapping[str, Any],
        path_parameters: Mapping[str, str] = _NO_PARAMETERS,
        body: bytes = b"",
    ) -> None:
        self._scope = scope
        self._path_parameters = path_parameters
        self._body = body

    @property
    def method(self) -> str:
        """The method, in upper case. A WebSocket begins with a GET request."""
        method: str = self._scope.get("method", "GET")
        return method

    @property
    def scheme(self) -> str:
        """The scheme of the connection: ``http``, ``https``, or for a WebSocket ``ws`` or ``wss``."""
        default = "ws" if self._scope["type"] == "websocket" else "http"
        scheme: str = self._scope.get("scheme", default)
        return scheme

    @property
    def host(self) -> str:
        """The host that the client named, or the server's own name for a client that named none."""
        server = self._scope.get("server")
        return self.find_header("host") or (server[0] if server else "")

    @property
    def mount_path(self) -> str:
        """The path at which the application is mounted."""
        mount_path: str = self._scope.get("root_path", "")
        return mount_path

    @property
    def path(self) -> str:
        """The decoded path below ``mount_path``."""
        path: str = self._scope["path"]
        mount_path = self.mount_path
        # Some older servers leave the mount path out of the path.
        if path == mount_path or path.startswith(mount_path.rstrip("/") + "/"):
            return path[len(mount_path.rstrip("/")) :]
        return path

    @property
    def path_parameters(self) -> Mapping[str, str]:
        """What stands in the path for the ``{name}`` parts of the route."""
        return self._path_parameters

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The values of each query parameter."""
        query_string: bytes = self._scope.get("query_string", b"")
        return parse_query(query_string.decode("utf-8", "replace"))

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return _ScopeHeaders(self._scope["headers"])

    def find_header(self, name: str) -> str | None:
        """Return the value of a header field, as :meth:`Headers.find` does."""
        # Most names have one field at most, so the common case is here and costs a single pass.
        wanted = _RAW_NAMES[name]
        found = None
        for raw_name, value in self._scope["headers"]:
            if raw_name == wanted:
                if found is not None:
                    return self.headers.find(name)
                found = value
        return None if found is None else found.decode("latin-1")

    @property
    def cookies(self) -> Mapping[str, str]:
        """The value of each cookie. HTTP/2 clients may send each cookie in a field of its own."""
        return parse_cookies(self.find_header("cookie"))

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return self._body

    @property
    def peer(self) -> str | None:
        """The IP address at the other end of the connection. ``None`` on a Unix socket."""
        client = self._scope.get("client")
        return (client[0] or None) if client else None


async def read_body(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    max_body: int,
    content_length: str | None = None,
) -> bytes:
    """Read the body of a request from its ASGI server. No more than ``max_body`` bytes are kept.

    Args:
        receive: the function of the server that returns the next event.
        max_body: the length in bytes that the body may have.
        content_length: the ``Content-Length`` header. A body that it declares too long is not read at all.

    Raises:
        BodyTooLarge: the body is longer. It may not have been read to its end.
        ClientDisconnected: the client closed the connection first.
    """
    if is_declared_longer(content_length, max_body):
        raise BodyTooLarge
    chunks: list[bytes] = []
    length = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = event.get("body", b"")
        length += len(chunk)
        if length > max_body:
            raise BodyTooLarge
        if chunk:
            chunks.append(chunk)
        if not event.get("more_body", False):
            return b"".join(chunks)
