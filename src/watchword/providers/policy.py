"""The options for fetching documents of other parties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from watchword.arguments import describe, quote
from watchword.durations import Duration, to_seconds
from watchword.errors import InvalidSettings
from watchword.providers.connections import parse_proxy

__all__ = ["FetchPolicy"]

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")  # RFC 9110 §5.6.2
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,8190}[!-~])?")
_OUR_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-length", "transfer-encoding", "user-agent"}
)


class FetchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The options for fetching documents of other parties.

    The application's own URL may name this machine (``localhost``, ``127.0.0.1``). Then it may be an http
    URL.

    Attributes:
        allow_http: fetch over plain HTTP. An attacker on the network path can then insert keys.
        allow_private: connect to private addresses and to this machine, too, whatever name resolves to them.
            Link-local addresses are always refused.
        proxy: the http URL of a proxy, with ``user:password@`` if the proxy needs it. The proxy resolves
            names, so it has to check addresses. It is not used for a provider on this machine. Proxies in the
            environment are not used.
        ca_file: a PEM file with certificates to trust instead of the system's.
        connect_timeout: seconds until the next address of the server is tried.
        timeout: seconds until a fetch fails. The system's resolver has limits of its own.
        headers: sent to the scheme, host and port of the application's own URL, and to no other place. An
            example is ``{"Authorization": "Bearer ..."}``. Headers are neither shown nor logged.

    Raises:
        InvalidSettings: a value is not acceptable.
    """

    allow_http: bool = False
    allow_private: bool = False
    proxy: str | None = None
    ca_file: str | None = None
    connect_timeout: Duration = 3.0
    timeout: Duration = 10.0
    headers: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name in ("allow_http", "allow_private"):
            if not isinstance(getattr(self, name), bool):  # The text "no" would count as true.
                raise InvalidSettings(f"{name} must be True or False, not {describe(getattr(self, name))}")
        for name in ("connect_timeout", "timeout"):
            seconds = to_seconds(name, getattr(self, name))
            if not 0 < seconds <= 60:
                raise InvalidSettings(f"{name} must be more than 0 and at most 60 seconds, not {seconds:g}")
            msgspec.structs.force_setattr(self, name, seconds)
        if self.proxy is not None:
            parse_proxy(self.proxy)
        if self.ca_file == "":  # OpenSSL would take the system's certificates.
            raise InvalidSettings("ca_file must be the path of a PEM file with certificates, not ''")
        msgspec.structs.force_setattr(self, "headers", _check_headers(self.headers))

    def __repr__(self) -> str:
        return f"FetchPolicy({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # The proxy's URL may contain a password, and headers are credentials.
        hidden = {"proxy", "headers"}
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in hidden]


def _check_headers(headers: object) -> dict[str, str]:
    """Return a copy of headers that may be sent."""
    if not isinstance(headers, Mapping):
        raise InvalidSettings(
            f'headers must be a mapping such as {{"Authorization": "Bearer ..."}}, not {describe(headers)}'
        )
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InvalidSettings(f"headers: {quote(name)} is not the name of a header")
        if name.lower() in _OUR_HEADERS or name.lower().startswith("proxy-"):
            raise InvalidSettings(f"headers: {name} is set by the fetch itself. Leave it out")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidSettings(f"headers: the value of {name} must be printable ASCII on a single line")
    return dict(headers)
