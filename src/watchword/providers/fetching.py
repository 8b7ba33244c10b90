"""Fetch JSON documents of other parties over HTTP.

No redirect is followed, and everything is bounded: the time, the body before and after unpacking, and the
addresses that may be connected to. A name is resolved once, its addresses are checked, and only checked
addresses are connected to. DNS rebinding (another address a moment later) has no effect.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from functools import cache

from watchword.arguments import describe, quote, quote_long
from watchword.durations import to_seconds
from watchword.errors import InvalidSettings, KeysUnavailable
from watchword.networks import find_reach
from watchword.providers.connections import (
    CONNECTION_ERRORS,
    Connection,
    Connector,
    Deadline,
    explain_failure,
    parse_proxy,
    request_document,
)
from watchword.providers.documents import Document
from watchword.providers.locations import Location, parse_location, redact_url
from watchword.providers.policy import FetchPolicy

__all__ = ["Fetcher"]


class Fetcher:
    """Fetches the documents of a single provider.

    Args:
        home: a URL that the application gives: where the provider is.
        policy: what is allowed.

    Raises:
        InvalidSettings: an argument is of another type, the URL may not be fetched, or ``ca_file`` cannot be
            read.
    """

    def __init__(self, home: str, policy: FetchPolicy) -> None:
        if not isinstance(policy, FetchPolicy):
            raise InvalidSettings(
                f"fetch must be a FetchPolicy such as FetchPolicy(timeout=5), not {describe(policy)}"
            )
        self._policy = policy
        self._home = parse_location(home)
        self._check_location(self._home)
        self._proxy = None if policy.proxy is None else parse_proxy(policy.proxy)
        self._connector = Connector(
            _trust(policy.ca_file), to_seconds("connect_timeout", policy.connect_timeout)
        )

    def fetch(self, url: str) -> Document:
        """Fetch the document at a URL, which may come from another document.

        Raises:
            DocumentMissing: the server does not have the document, or does not give it to this client.
            KeysUnavailable: the document cannot be fetched now, or not safely.
        """
        location = self._find_location(url)
        deadline = Deadline(to_seconds("timeout", self._policy.timeout))
        headers = self._policy.headers if location.origin == self._home.origin else {}
        try:
            with closing(self._connect(location, deadline)) as connection:
                return request_document(connection, location, headers, deadline)
        except CONNECTION_ERRORS as error:
            raise explain_failure(
                error, location, in_time=not deadline.is_over(), has_proxy=self._proxy is not None
            ) from error

    def _find_location(self, url: str) -> Location:
        try:
            location = parse_location(url)
            self._check_location(location)
        except InvalidSettings:
            error = KeysUnavailable("the provider names a URL that is not safe to fetch")
            error.add_note(f"it is {quote_long(redact_url(url))}")
            raise error from None
        return location

    def _check_location(self, location: Location) -> None:
        """Refuse a URL by its scheme, and by its host if that is an address.

        Raises:
            InvalidSettings: the URL may not be fetched.
        """
        if location.scheme == "http" and not (self._policy.allow_http or self._is_home(location)):
            raise InvalidSettings(
                f"the URL must start with https://, not http:// ({location.without_query}). "
                "For local tests pass fetch=FetchPolicy(allow_http=True)"
            )
        if location.is_address and not self._permits(location.host, location):
            raise InvalidSettings(
                f"the host of the URL must have a public address, not {location.host}. "
                "If the provider is in your own network, pass fetch=FetchPolicy(allow_private=True)"
            )

    def _is_home(self, location: Location) -> bool:
        """Return whether a URL names this machine, and the application's own URL does, too."""
        return self._home.is_loopback and location.is_loopback

    def _permits(self, address: str, location: Location) -> bool:
        """Return whether an address may be connected to for a URL."""
        reach = find_reach(address)
        if self._is_home(location) and location.scheme == "http" and not self._policy.allow_http:
            return reach == "loopback"
        if reach == "loopback":
            return self._policy.allow_private or self._is_home(location)
        return reach == "public" or (reach == "private" and self._policy.allow_private)

    def _connect(self, location: Location, deadline: Deadline) -> Connection:
        """Connect to the server, or to the proxy and through it.

        Raises:
            KeysUnavailable: no address of the server may be connected to.
            OSError, HTTPError: no permitted address answers.
        """
        if self._proxy is not None and not self._is_home(location):
            return self._connector.open_tunnel(location, self._proxy, deadline)
        failure: Exception = OSError()
        for address in self._resolve(location):
            try:
                return self._connector.open_connection(location, address, deadline)
            except CONNECTION_ERRORS as error:
                failure = error
        raise failure

    def _resolve(self, location: Location) -> list[str]:
        """Return the addresses of the host that may be connected to."""
        found = socket.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
        permitted = [address for address in addresses if self._permits(address, location)]
        if not permitted:
            error = KeysUnavailable("the provider's server does not have a public address")
            error.add_note(
                f"{location.host} is {quote(list(addresses))}. "
                "If that is your own network, pass fetch=FetchPolicy(allow_private=True)"
            )
            raise error
        return permitted


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return _load_certificates(ca_file)
    except (OSError, TypeError, ValueError):
        raise InvalidSettings(
            f"ca_file must be the path of a PEM file with certificates, not {quote(ca_file)}"
        ) from None


@cache  # A context takes nearly 1 MiB, and an application may have a provider for each of a thousand tenants.
def _load_certificates(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
