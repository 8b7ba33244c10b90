"""Requests of Django, from WSGI and ASGI servers, and their bodies."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.http import HttpRequest, UnreadablePostError
from django.http.request import RawPostDataException

from watchword.errors import BodyTooLarge, InvalidRequest
from watchword.web.http import is_declared_longer
from watchword.web.wsgi import WsgiRequest

__all__ = ["DjangoRequest", "InnerRequest", "read_body"]

_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class DjangoRequest(WsgiRequest):
    """A request of Django. Each part is read when it is asked for.

    Django describes a request from an ASGI server by an environ too, in ``request.META``. It decodes the
    path, and it drops header fields with an underscore in their name, which could pose as others.

    Args:
        request: Django's request.
        path_parameters: what stands in the path for the ``{name}`` parts of the route.
        body: the bytes of the body, as :func:`read_body` returns them.
    """

    __slots__ = ("_request",)

    _request: HttpRequest

    def __init__(
        self,
        request: HttpRequest,
        path_parameters: Mapping[str, str] = _NO_PARAMETERS,
        body: bytes = b"",
    ) -> None:
        self._request = request
        self._environ = request.META
        self._path_parameters = path_parameters
        self._body = body

    @property
    def method(self) -> str:
        """The method, in upper case."""
        method: str = self._request.method
        return method

    @property
    def scheme(self) -> str:
        """The scheme of the connection, or what ``SECURE_PROXY_SSL_HEADER`` says about it."""
        scheme: str = self._request.scheme
        return scheme

    @property
    def mount_path(self) -> str:
        """The path at which the project is mounted."""
        mount_path: str = self._environ.get("SCRIPT_NAME", "")
        return mount_path

    @property
    def path(self) -> str:
        """The decoded path below ``mount_path``."""
        path: str = self._request.path_info
        return path


class InnerRequest(DjangoRequest):
    """A request as a framework inside of Django asks about it, which answers OPTIONS by itself.

    The token counts for OPTIONS, too: such a framework answers what the user may do. And its own test client
    may have written the headers, with names that differ from those in an environ.
    """

    __slots__ = ()

    @property
    def method(self) -> str:
        """``GET`` for every method, because a guard does not read the token of OPTIONS."""
        return "GET"

    def find_header(self, name: str) -> str | None:
        """Return the value of a header field, or ``None`` without such a field."""
        value = super().find_header(name)
        return value if value is not None else self._request.headers.get(name)


def read_body(request: HttpRequest, max_body: int) -> bytes:
    """Return the body of a request. The limit is ours, and ``DATA_UPLOAD_MAX_MEMORY_SIZE`` does not count.

    Raises:
        BodyTooLarge: the body has more than ``max_body`` bytes, or says so.
        InvalidRequest: the connection ended before the body.
    """
    if is_declared_longer(request.META.get("CONTENT_LENGTH"), max_body):
        raise BodyTooLarge
    try:
        body: bytes = _read_at_most(request, max_body + 1)
    except UnreadablePostError:
        raise InvalidRequest("the connection ended before the body of the request") from None
    if len(body) > max_body:
        raise BodyTooLarge
    return body


def _read_at_most(request: HttpRequest, size: int) -> bytes:
    environ = request.META
    if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
        # Django reads no body without a Content-Length. This server marks the end of a chunked body.
        return environ["wsgi.input"].read(size)  # type: ignore[no-any-return]
    try:
        return request.read(size)  # type: ignore[no-any-return]
    except RawPostDataException:
        return b""  # A middleware has read a form with files, which none of our endpoints accepts.
