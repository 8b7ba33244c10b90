"""HTTP connections for a fetch: open them, ask for a document, and stop at a deadline."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from time import monotonic
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from watchword.arguments import quote_long
from watchword.errors import InvalidSettings, KeysUnavailable, MissingExtra
from watchword.providers.documents import Document, read_document
from watchword.providers.locations import Location

try:
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError
    from urllib3.util import Url, make_headers, parse_url
except ModuleNotFoundError:
    raise MissingExtra.from_extra("remote") from None

__all__ = [
    "CONNECTION_ERRORS",
    "Connection",
    "Connector",
    "Deadline",
    "Proxy",
    "explain_failure",
    "parse_proxy",
    "request_document",
]

Connection: TypeAlias = HTTPConnection

CONNECTION_ERRORS = (OSError, HTTPError, http.client.HTTPException, ValueError)
"""Everything that a connection raises if the other end misbehaves or is away."""


class Deadline:
    """The moment at which a fetch must end.

    Args:
        seconds: the time until then.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds

    def is_over(self) -> bool:
        """Return whether the moment has come."""
        return monotonic() >= self._ends

    def check_time_left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: no time is left.
        """
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @contextmanager
    def enforce(self, find_socket: Callable[[], socket.socket | None]) -> Iterator[None]:
        """Shut a socket down when the time is over. A read's own time-out starts again with each byte."""
        timer = threading.Timer(self.check_time_left(), _shut_down, [find_socket])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


class Proxy(NamedTuple):
    """A proxy to open a tunnel through.

    Attributes:
        host: its name or address.
        port: its port.
        headers: its credentials, or nothing.
    """

    host: str
    port: int
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"  # The credentials must not appear in a traceback's locals.


class Connector:
    """Opens the connections of a fetch.

    Args:
        tls: the certificates to trust.
        timeout: seconds until an address counts as dead.
    """

    def __init__(self, tls: ssl.SSLContext, timeout: float) -> None:
        self._tls = tls
        self._timeout = timeout

    def open_connection(self, location: Location, address: str, deadline: Deadline) -> Connection:
        """Connect to an address of the location's host.

        Raises:
            OSError, HTTPError: the server cannot be reached, or its certificate is not valid for the host.
        """
        return _connect(self._make_connection(location, address, location.port, deadline), deadline)

    def open_tunnel(self, location: Location, proxy: Proxy, deadline: Deadline) -> Connection:
        """Connect to the location's host through a proxy, which resolves the host's name.

        Raises:
            OSError, HTTPError: the proxy cannot be reached or refuses.
        """
        connection = self._make_connection(location, proxy.host, proxy.port, deadline)
        connection.set_tunnel(location.host, location.port, headers=proxy.headers)
        return _connect(connection, deadline)

    def _make_connection(self, location: Location, host: str, port: int, deadline: Deadline) -> Connection:
        timeout = min(self._timeout, deadline.check_time_left())
        if location.scheme == "http":
            return HTTPConnection(host, port, timeout=timeout)
        return HTTPSConnection(
            host, port, timeout=timeout, ssl_context=self._tls, server_hostname=location.host
        )


def request_document(
    connection: Connection, location: Location, headers: Mapping[str, str], deadline: Deadline
) -> Document:
    """Ask an open connection for the document at a location.

    Raises:
        DocumentMissing: the server does not have the document, or does not give it to this client.
        KeysUnavailable: the answer is not acceptable.
        OSError, HTTPError, HTTPException, ValueError: the connection failed, or the answer is not HTTP.
    """
    connected = connection.sock  # Once the headers are read, only the response has the socket.
    with deadline.enforce(lambda: connected):
        connection.timeout = deadline.check_time_left()
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
            deadline.check_time_left()  # A connection that was cut off looks like the end of the headers,
            document = read_document(response.status, response.headers, response.read, location)
            deadline.check_time_left()  # or of the body.
            return document


def parse_proxy(url: object) -> Proxy:
    """Parse the URL of a proxy.

    Raises:
        InvalidSettings: it is not an http URL with a host, or its user or password is not Latin-1.
    """
    try:
        parts = parse_url(url)  # type: ignore[arg-type]  # Anything else than text is a TypeError.
        headers = make_headers(proxy_basic_auth=unquote(parts.auth)) if parts.auth else {}
    except (HTTPError, TypeError, UnicodeEncodeError):
        parts, headers = Url(), {}
    if parts.scheme != "http" or not parts.host:  # The URL is not repeated: it may contain a password.
        raise InvalidSettings(
            "proxy must be an http URL such as http://proxy.example:3128. "
            "A user and a password in it must be Latin-1"
        )
    return Proxy(parts.host, parts.port or 80, headers)


def explain_failure(
    error: Exception, location: Location, *, in_time: bool, has_proxy: bool
) -> KeysUnavailable:
    """Return the error for the caller. Its message names no URL, and its note is for logs.

    Args:
        error: what the connection raised.
        location: the document that was asked for.
        in_time: whether the deadline has not come. After it the error comes from our shutting the socket.
        has_proxy: whether a proxy was used.
    """
    failure = KeysUnavailable(_tell_reason(error, in_time=in_time))
    server = f"{location.scheme}://{location.authority}"
    failure.add_note(f"{server}: {_describe_cause(error)}" if in_time else server)
    variable = _find_unused_proxy(location.scheme)
    if variable is not None and not has_proxy:
        failure.add_note(f"{variable} is set but not used: pass fetch=FetchPolicy(proxy=...)")
    return failure


def _connect(connection: Connection, deadline: Deadline) -> Connection:
    try:
        with deadline.enforce(lambda: connection.sock):  # A proxy's answer may have no end.
            connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _shut_down(find_socket: Callable[[], socket.socket | None]) -> None:
    if (found := find_socket()) is not None:
        with suppress(OSError):  # The other end has closed the connection already.
            found.shutdown(socket.SHUT_RDWR)


def _tell_reason(error: Exception, *, in_time: bool) -> str:
    if not in_time or isinstance(error, TimeoutError):
        return "the provider's server does not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate of the provider's server cannot be verified"
    if isinstance(error, socket.gaierror):
        return "the name of the provider's server is not known"
    return "the connection to the provider's server failed"


def _describe_cause(error: BaseException) -> str:
    """Return the system's description of a failure, without text that the other end sent."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__} {quote_long(said)}" if said else type(error).__name__


def _find_unused_proxy(scheme: str) -> str | None:
    """Return the environment variable with the proxy that other programs use for such a URL."""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), None)
