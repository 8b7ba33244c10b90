"""Fetching a JSON document of somebody else's over HTTP, and nothing but that.

No redirect is followed, all is bounded: the time, the body as it comes and unpacked, and where a connection
may go. A name is resolved once, its addresses are checked, and one of just those is connected to: what the
name resolves to a moment later (DNS rebinding) does not matter.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import unquote

import msgspec

from watchword.arguments import describe, quote, quote_long
from watchword.durations import Duration, to_seconds
from watchword.errors import InvalidSettings, KeysUnavailable, MissingExtra
from watchword.networks import find_reach
from watchword.providers.documents import Document, read_document
from watchword.providers.locations import Location, parse, without_user

try:
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError
    from urllib3.util import Url, make_headers, parse_url
except ModuleNotFoundError:
    raise MissingExtra.from_extra("remote") from None

__all__ = ["FetchPolicy", "Fetcher"]

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")  # RFC 9110 §5.6.2
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,8190}[!-~])?")
_OUR_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-length", "transfer-encoding", "user-agent"}
)


class FetchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How other people's documents are fetched.

    A URL that the application gives may name this machine (``localhost``, ``127.0.0.1``), and be an http one
    then.

    Attributes:
        allow_http: fetch over plain HTTP: whoever is on the way can put keys of their own in.
        allow_private: connect to private addresses and to this machine, too, whatever name resolves to them;
            never to link-local ones.
        proxy: the http URL of a proxy to go through, with ``user:password@`` if it wants that. It resolves
            the names, so that their addresses are its to check. It is not asked for a provider on this
            machine, and none is taken from the environment.
        ca_file: certificates to trust instead of the system's, as PEM.
        connect_timeout: seconds until another address of the server is tried.
        timeout: seconds until a fetch fails, whatever it has got by then; the system's resolver has limits of
            its own.
        headers: sent to the scheme, host and port of the URL that the application gives, and nowhere else.
            Such as ``{"Authorization": "Bearer ..."}``; shown and logged nowhere.

    Raises:
        InvalidSettings: a value is of the wrong form.
    """

    allow_http: bool = False
    allow_private: bool = False
    proxy: str | None = None
    ca_file: str | None = None
    connect_timeout: Duration = 3.0
    timeout: Duration = 10.0
    headers: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not isinstance(self.allow_http, bool) or not isinstance(self.allow_private, bool):
            raise InvalidSettings("allow_http and allow_private must be True or False")  # "no" would be a yes
        for name in ("connect_timeout", "timeout"):
            seconds = to_seconds(name, getattr(self, name))
            if not 0 < seconds <= 60:
                raise InvalidSettings(f"{name} must be more than 0 and at most 60 seconds, not {seconds:g}")
            msgspec.structs.force_setattr(self, name, seconds)
        if self.proxy is not None and not _is_proxy(self.proxy):
            raise InvalidSettings("proxy must be a URL such as http://proxy.example:3128")
        if self.ca_file == "":  # which would mean the system's
            raise InvalidSettings("ca_file must be the path of a file of certificates in PEM, not ''")
        msgspec.structs.force_setattr(self, "headers", _check_headers(self.headers))

    def __repr__(self) -> str:
        return f"FetchPolicy({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # The proxy's URL may hold a password, and headers are credentials.
        hidden = {"proxy", "headers"}
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in hidden]


class Fetcher:
    """Fetches the documents of one provider.

    Args:
        home: a URL that the application gives: where the provider is.
        policy: what is allowed.

    Raises:
        InvalidSettings: the policy is none, the URL may not be fetched, or ``ca_file`` cannot be read.
    """

    def __init__(self, home: str, policy: FetchPolicy) -> None:
        if not isinstance(policy, FetchPolicy):
            raise InvalidSettings(
                f"fetch must be a FetchPolicy, not {describe(policy)}: FetchPolicy(timeout=5), say"
            )
        self._policy = policy
        self._home = parse(home)
        self._check(self._home)
        try:
            self._tls = _trusting(policy.ca_file)
        except (OSError, TypeError):
            raise InvalidSettings(
                f"ca_file must be the path of a file of certificates in PEM, not {quote(policy.ca_file)}"
            ) from None

    def fetch(self, url: str) -> Document:
        """The document at a URL that may come from another document.

        Raises:
            DocumentMissing: the server does not have it, or does not give it to us.
            KeysUnavailable: it cannot be had now, or not safely.
        """
        try:
            location = parse(url)
            self._check(location)
        except InvalidSettings:
            error = KeysUnavailable("the provider names a URL that is not safe to fetch")
            error.add_note(f"it is {quote_long(without_user(url))}")
            raise error from None
        ends = monotonic() + to_seconds("timeout", self._policy.timeout)
        headers = self._policy.headers if location.origin == self._home.origin else {}
        with (
            _explained(location, ends, has_proxy=self._policy.proxy is not None),
            closing(self._connected(location, ends)) as connection,
        ):
            return _answered(connection, location, headers, ends)

    def _check(self, location: Location) -> None:
        """Refuse a URL for what stands in it.

        Raises:
            InvalidSettings: why, it says.
        """
        if location.scheme == "http" and not (self._policy.allow_http or self._is_home(location)):
            raise InvalidSettings(
                f"the URL must start with https://, not http:// ({location.shown}). "
                "For local tests pass fetch=FetchPolicy(allow_http=True)"
            )
        if location.is_address and not self._permits(location.host, location):
            raise InvalidSettings(
                f"{location.host} is not a public address. "
                "If the provider is in your own network, pass fetch=FetchPolicy(allow_private=True)"
            )

    def _is_home(self, location: Location) -> bool:
        """Whether it is this machine, and the application has said that the provider is here."""
        return self._home.is_loopback and location.is_loopback

    def _permits(self, address: str, location: Location) -> bool:
        """Whether an address may be connected to for a URL."""
        where = find_reach(address)
        if self._is_home(location) and location.scheme == "http" and not self._policy.allow_http:
            return where == "loopback"
        if where == "loopback":
            return self._policy.allow_private or self._is_home(location)
        return where == "public" or (where == "private" and self._policy.allow_private)

    def _connected(self, location: Location, ends: float) -> HTTPConnection:
        """A connection to the server, or to the proxy and through it.

        Raises:
            KeysUnavailable: no address of the server may be connected to.
            OSError: nobody answers there.
        """
        if self._policy.proxy is not None and not self._is_home(location):
            return self._through(self._policy.proxy, location, ends)
        failure: Exception = OSError()
        for address in self._addresses(location):
            try:
                return _opened(self._connection(location, address, location.port, ends), ends)
            except (OSError, HTTPError) as error:
                failure = error
        raise failure

    def _addresses(self, location: Location) -> list[str]:
        """The addresses of the host that may be connected to."""
        found = socket.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(place[0]) for *_, place in found)
        permitted = [address for address in addresses if self._permits(address, location)]
        if not permitted:
            error = KeysUnavailable("the provider's server does not have a public address")
            error.add_note(
                f"{location.host} is {quote(list(addresses))}. "
                "If that is your own network, pass fetch=FetchPolicy(allow_private=True)"
            )
            raise error
        return permitted

    def _connection(self, location: Location, host: str, port: int, ends: float) -> HTTPConnection:
        timeout = min(to_seconds("connect_timeout", self._policy.connect_timeout), _left(ends))
        if location.scheme == "http":
            return HTTPConnection(host, port, timeout=timeout)
        return HTTPSConnection(
            host, port, timeout=timeout, ssl_context=self._tls, server_hostname=location.host
        )

    def _through(self, proxy: str, location: Location, ends: float) -> HTTPConnection:
        place = parse_url(proxy)
        connection = self._connection(location, place.host or "", place.port or 80, ends)
        credentials = make_headers(proxy_basic_auth=unquote(place.auth)) if place.auth else {}
        connection.set_tunnel(location.host, location.port, headers=credentials)
        return _opened(connection, ends)


@cache  # nearly a MiB each, and some have a provider for each of a thousand tenants
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _is_proxy(url: str) -> bool:
    try:
        place = parse_url(url)
    except (HTTPError, TypeError):
        place = Url()
    return place.scheme == "http" and bool(place.host)


def _check_headers(headers: object) -> dict[str, str]:
    """A copy of headers that may be sent."""
    if not isinstance(headers, Mapping):
        raise InvalidSettings(f"headers must be a mapping of names to values, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InvalidSettings(f"headers: {quote(name)} is not the name of a header")
        if name.lower() in _OUR_HEADERS or name.lower().startswith("proxy-"):
            raise InvalidSettings(f"headers: {name} is set by the fetch itself, leave it out")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidSettings(f"headers: the value of {name} must be printable ASCII on one line")
    return dict(headers)


def _opened(connection: HTTPConnection, ends: float) -> HTTPConnection:
    try:
        with _cut(lambda: connection.sock, ends):  # a proxy's answer need have no end
            connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _answered(
    connection: HTTPConnection, location: Location, headers: Mapping[str, str], ends: float
) -> Document:
    connected = connection.sock  # the response's alone, when the headers are read
    with _cut(lambda: connected, ends):
        connection.timeout = _left(ends)
        connection.request(
            "GET",
            location.target,
            headers={
                **headers,
                "Host": location.authority,
                "Accept": "application/json",
                "Connection": "close",
                "User-Agent": "watchword",
            },
            preload_content=False,
            decode_content=False,
        )
        with closing(connection.getresponse()) as response:
            _left(ends)  # a connection that was cut looks like the end of the headers,
            document = read_document(response.status, response.headers, response.read, location)
            _left(ends)  # or of the body
            return document


# -- time and failures ---------------------------------------------------------------------------


def _left(ends: float) -> float:
    """The seconds that are left.

    Raises:
        TimeoutError: there are none.
    """
    left = ends - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _cut(connected: Callable[[], socket.socket | None], ends: float) -> Iterator[None]:
    """Cut the connection when the time is over: a read's own time-out begins again with each byte."""
    timer = threading.Timer(_left(ends), _shut_down, [connected])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connected: Callable[[], socket.socket | None]) -> None:
    if (end := connected()) is not None:
        with suppress(OSError):  # the other end was quicker
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def _explained(location: Location, ends: float, *, has_proxy: bool) -> Iterator[None]:
    """Whatever fails, say it in words of ours."""
    try:
        yield
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as error:
        in_time = monotonic() < ends  # what else a connection that we cut says is only our own doing
        failure = KeysUnavailable(_reason(error, in_time=in_time))
        server = f"{location.scheme}://{location.authority}"
        failure.add_note(f"{server}: {_cause(error)}" if in_time else server)
        variable = _unread_proxy(location.scheme)
        if variable is not None and not has_proxy:
            failure.add_note(f"{variable} is set and not read: a proxy is given with FetchPolicy(proxy=...)")
        raise failure from error


def _cause(error: BaseException) -> str:
    """What the system says of a failure; what the other end has sent is not repeated."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__} {quote_long(said)}" if said else type(error).__name__


def _unread_proxy(scheme: str) -> str | None:
    """The environment variable with a proxy that other programs would use for such a URL."""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), None)


def _reason(error: Exception, *, in_time: bool) -> str:
    if not in_time or isinstance(error, TimeoutError):
        return "the provider's server does not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate of the provider's server cannot be verified"
    if isinstance(error, socket.gaierror):
        return "the name of the provider's server is not known"
    return "the connection to the provider's server failed"
