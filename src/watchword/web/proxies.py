"""The client's address, behind proxies or not."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

__all__ = ["ClientAddresses", "client_address"]

logger = logging.getLogger("watchword.web")

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddresses:
    """Finds the address of each request's client, and warns once if limits by address cannot work.

    Args:
        trusted: networks of the proxies.
    """

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = tuple(trusted)
        self._warned: set[str] = set()

    def find(self, peer: str | None, forwarded_for: str | None) -> str | None:
        """Return what :func:`client_address` does."""
        address = client_address(peer, forwarded_for, self._trusted)
        if address is None:
            self._warn_once(
                "the address of a client is not known (a Unix socket?), so failed logins are not limited by "
                "address. Let the server listen on an address, or set REMOTE_ADDR in a middleware."
            )
        elif forwarded_for and not _is_trusted(_parse(peer or ""), self._trusted):
            self._warn_once(
                "X-Forwarded-For came from an address that is not in trusted_proxies, and was ignored. If it "
                "is the address of your proxy, set WATCHWORD_TRUSTED_PROXIES: until then all clients have "
                "that address, and the failed logins of one client delay all. The address: %s",
                _plain(_parse(peer or "")),
            )
        return address

    def _warn_once(self, message: str, *values: object) -> None:
        """Log a message the first time only, because requests would fill the log with it."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message, *values)


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[str]) -> str | None:
    """Return the address nearest to us that is not one of our own proxies.

    Walks from the connection's other end towards the client: each trusted proxy vouches for the entry that
    it appended to ``X-Forwarded-For``, and for nothing left of it. Entries that a client sends itself are
    therefore never believed.

    The address is a plain one: without the zone of an IPv6 address (RFC 4007), which may be any text, and an
    IPv4 address that an IPv6 socket shows is the IPv4 address.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: the header's value, if there is one.
        trusted: networks of the proxies.

    Returns:
        The address; ``None`` if the peer has none, as on a Unix socket.
    """
    claimed = [] if forwarded_for is None or not trusted else forwarded_for.split(",")
    address = _parse(peer or "")
    while claimed and _is_trusted(address, tuple(trusted)):
        nearest = _parse(claimed.pop())
        if nearest is None:
            break
        address = nearest
    return _plain(address)


def _plain(address: _Address | None) -> str | None:
    return None if address is None else str(address)


def _is_trusted(address: _Address | None, trusted: tuple[str, ...]) -> bool:
    return address is not None and any(address in network for network in _networks(trusted))


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in trusted)


def _parse(text: str) -> _Address | None:
    """Return an address without its port and its zone; ``None`` for what is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    return parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed))  # the number has no zone
