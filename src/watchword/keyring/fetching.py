"""Fetching a JSON document of somebody else's over HTTP, and nothing but that.

No redirect is followed, nothing is decompressed, all is bounded: the time, the body, and where a connection
may go. A name is resolved once, its addresses are checked, and one of just those is connected to: what the
name resolves to a moment later (DNS rebinding) does not matter.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from watchword.errors import InvalidSettings, KeysUnavailable, MissingExtra
from watchword.keyring.addresses import reach
from watchword.keyring.locations import Location, parse

try:
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError
    from urllib3.response import HTTPResponse
    from urllib3.util import Url, make_headers, parse_url
except ModuleNotFoundError:
    raise MissingExtra.named("remote") from None

__all__ = ["MAX_BODY", "Document", "FetchPolicy", "Fetcher"]

MAX_BODY = 1_048_576
"""Longest body that is read, in bytes."""

_PIECE = 65_536
_ABSENT = {400, 401, 403, 404, 405, 406, 410}  # what servers say of a document that they do not have


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

    Raises:
        InvalidSettings: a value is of the wrong form.
    """

    allow_http: bool = False
    allow_private: bool = False
    proxy: str | None = None
    ca_file: str | None = None
    connect_timeout: float = 3.0
    timeout: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not isinstance(self.allow_http, bool) or not isinstance(self.allow_private, bool):
            raise InvalidSettings("allow_http and allow_private: True or False")  # "no" would be a yes
        for seconds in (self.connect_timeout, self.timeout):
            if not isinstance(seconds, int | float) or not 0 < seconds <= 60:
                raise InvalidSettings("connect_timeout and timeout: seconds, up to 60")
        if self.proxy is not None and not _is_proxy(self.proxy):
            raise InvalidSettings("proxy: an http URL")
        if self.ca_file == "":  # which would mean the system's
            raise InvalidSettings("ca_file: a file of certificates in PEM")

    def __repr__(self) -> str:
        return f"FetchPolicy({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # the proxy's URL may hold a password
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "proxy"]


class Document(NamedTuple):
    """What was fetched.

    Attributes:
        body: JSON, as the server says; not looked at yet.
        cache_control: the header of that name, or nothing.
        age: the header of that name, or nothing.
    """

    body: bytes
    cache_control: str
    age: str


class Fetcher:
    """Fetches the documents of one provider.

    Args:
        home: a URL that the application gives: where the provider is.
        policy: what is allowed.

    Raises:
        InvalidSettings: the URL may not be fetched, or ``ca_file`` cannot be read.
    """

    def __init__(self, home: str, policy: FetchPolicy) -> None:
        self._policy = policy
        location = parse(home)
        self._at_home = location.is_loopback
        self._check(location)
        try:
            self._tls = _trusting(policy.ca_file)
        except (OSError, TypeError):
            raise InvalidSettings("ca_file: a file of certificates in PEM") from None

    def fetch(self, url: str) -> Document | None:
        """The document at a URL that may come from another document; ``None`` where there is none.

        Raises:
            KeysUnavailable: it cannot be had now, or not safely.
        """
        try:
            location = parse(url)
            self._check(location)
        except InvalidSettings:
            raise KeysUnavailable("the provider names a URL that is not safe to fetch") from None
        ends = monotonic() + self._policy.timeout
        with _explained(ends), closing(self._connected(location, ends)) as connection:
            return _answered(connection, location, ends)

    def _check(self, location: Location) -> None:
        """Refuse a URL for what stands in it.

        Raises:
            InvalidSettings: why, it says.
        """
        if location.scheme == "http" and not (self._policy.allow_http or self._is_home(location)):
            raise InvalidSettings("keys are fetched over https")
        if location.is_address and not self._permits(location.host, location):
            raise InvalidSettings("the address of the URL is not a public one")

    def _is_home(self, location: Location) -> bool:
        """Whether it is this machine, and the application has said that the provider is here."""
        return self._at_home and location.is_loopback

    def _permits(self, address: str, location: Location) -> bool:
        """Whether an address may be connected to for a URL."""
        where = reach(address)
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
            raise KeysUnavailable("the provider's server does not have a public address")
        return permitted

    def _connection(self, location: Location, host: str, port: int, ends: float) -> HTTPConnection:
        timeout = min(self._policy.connect_timeout, _left(ends))
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


def _opened(connection: HTTPConnection, ends: float) -> HTTPConnection:
    try:
        with _cut(lambda: connection.sock, ends):  # a proxy's answer need have no end
            connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _answered(connection: HTTPConnection, location: Location, ends: float) -> Document | None:
    connected = connection.sock  # the response's alone, when the headers are read
    with _cut(lambda: connected, ends):
        connection.timeout = _left(ends)
        connection.request(
            "GET",
            location.target,
            headers={
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
            document = _document(response)
            _left(ends)  # or of the body
            return document


def _document(response: HTTPResponse) -> Document | None:
    """The document in an answer.

    Raises:
        KeysUnavailable: there is another kind of thing in it.
    """
    if response.status in _ABSENT:
        return None
    if 300 <= response.status < 400:
        raise KeysUnavailable("the provider's server redirects, which is not followed")
    if response.status != 200:
        raise KeysUnavailable(f"the provider's server answers with status {response.status}")
    if not _is_json(response.headers.get("Content-Type", "")):
        raise KeysUnavailable("the provider's answer is not declared as JSON")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise KeysUnavailable("the provider's answer is compressed, which was not asked for")
    body = bytearray()
    while piece := response.read(_PIECE):
        body += piece
        if len(body) > MAX_BODY:
            raise KeysUnavailable("the provider's answer is longer than 1 MiB")
    headers = response.headers
    return Document(bytes(body), headers.get("Cache-Control", ""), headers.get("Age", ""))


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


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
def _explained(ends: float) -> Iterator[None]:
    """Whatever fails, say it in words of ours."""
    try:
        yield
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as error:
        raise KeysUnavailable(_reason(error, in_time=monotonic() < ends)) from error


def _reason(error: Exception, *, in_time: bool) -> str:
    if not in_time or isinstance(error, TimeoutError):
        return "the provider's server does not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate of the provider's server cannot be verified"
    if isinstance(error, socket.gaierror):
        return "the name of the provider's server is not known"
    return "the connection to the provider's server failed"
