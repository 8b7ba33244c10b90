"""HTTP requests and responses without a framework. Adapters translate from and to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

__all__ = ["Headers", "Request", "Response", "is_declared_longer", "parse_cookies", "parse_query"]

V = TypeVar("V")


class Headers:
    """The header fields of a request. Names are case-insensitive, and the fields cannot be changed.

    Args:
        fields: names and values, in the order in which they came. A name may occur several times.
    """

    __slots__ = ("_values",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._values = _group((name.lower(), value) for name, value in fields)

    def find(self, name: str) -> str | None:
        """Return the value of a header field, or ``None`` without such a field.

        The values of several fields are joined by commas (RFC 9110 §5.3), as WSGI servers join them. Several
        ``Cookie`` fields are joined by semicolons (RFC 9113 §8.2.3).
        """
        values = self.find_all(name)
        if len(values) < 2:
            return values[0] if values else None
        return ("; " if name.lower() == "cookie" else ",").join(values)

    def find_all(self, name: str) -> Sequence[str]:
        """Return the value of each field of this name, as far as the framework keeps them apart."""
        return self._values.get(name.lower(), ())


def _make_empty() -> Mapping[str, V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """An HTTP request. The parts that may hold secrets are not shown by ``repr``.

    An adapter may hand over a subclass that reads each part when it is asked for.

    Attributes:
        method: the method, in upper case.
        scheme: the scheme of the connection, ``http`` or ``https``. A proxy may speak another to the client.
        host: the host that the client named, with its port if the client named a port.
        mount_path: the path at which the application is mounted, such as ``/app``. Empty at the root.
        path: the decoded path below ``mount_path``.
        path_parameters: what stands in the path for the ``{name}`` parts of the route.
        query: the values of each query parameter.
        headers: the header fields.
        cookies: the value of each cookie. The first counts if a name occurs several times. Browsers send the
            cookie with the most specific path first (RFC 6265 §5.4).
        body: the bytes of the body. The adapter reads at most ``max_body`` of them.
        peer: the IP address at the other end of the connection.
    """

    method: str = "GET"
    scheme: str = "http"
    host: str = ""
    mount_path: str = ""
    path: str = "/"
    path_parameters: Mapping[str, str] = field(default_factory=_make_empty)
    query: Mapping[str, Sequence[str]] = field(default_factory=_make_empty, repr=False)
    headers: Headers = field(default_factory=Headers, repr=False)
    cookies: Mapping[str, str] = field(default_factory=_make_empty, repr=False)
    body: bytes = field(default=b"", repr=False)
    peer: str | None = None

    def find_header(self, name: str) -> str | None:
        """Return the value of a header field, as :meth:`Headers.find` does."""
        return self.headers.find(name)


class Response(msgspec.Struct, frozen=True):
    """An HTTP response.

    Attributes:
        status: the HTTP status.
        body: the bytes of the body.
        headers: names and values. ``Content-Length`` is among them only in a response to ``HEAD``. A name
            such as ``Set-Cookie`` may occur several times.
    """

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


def is_declared_longer(content_length: str | None, max_body: int) -> bool:
    """Return whether a ``Content-Length`` header declares a body of more than ``max_body`` bytes.

    A header that is missing or malformed declares nothing, so the length that is read counts as well.
    """
    if content_length is None or not content_length.isdecimal():
        return False
    # int() raises for a number of thousands of digits. Such a number is too large in any case.
    return len(content_length) > 18 or int(content_length) > max_body


def parse_query(text: str) -> Mapping[str, Sequence[str]]:
    """Parse a query string. Bytes that are not UTF-8 become the replacement character."""
    return MappingProxyType(_group(parse_qsl(text, keep_blank_values=True)))


def parse_cookies(header: str | None) -> Mapping[str, str]:
    """Parse a ``Cookie`` header (RFC 6265 §4.2.1). What does not have the form of a cookie is skipped."""
    cookies: dict[str, str] = {}
    for pair in (header or "").split(";"):
        name, separator, value = pair.strip(" \t").partition("=")
        if name and separator:
            cookies.setdefault(name, value)
    return MappingProxyType(cookies)


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the values of each name, in their order."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: tuple(several) for name, several in values.items()}
