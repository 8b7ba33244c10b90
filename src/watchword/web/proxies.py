"""The client's address, behind proxies or not."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["client_address"]


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[str]) -> str | None:
    """The address nearest to us that is not one of our own proxies.

    Walks from the connection's other end towards the client: each trusted proxy vouches for the entry that
    it appended to ``X-Forwarded-For``, and for nothing left of it. Entries that a client sends itself are
    therefore never believed.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: the header's value, if there is one.
        trusted: networks of the proxies.
    """
    claimed = [] if forwarded_for is None or not trusted else forwarded_for.split(",")
    address = peer
    while claimed and _is_trusted(address, tuple(trusted)):
        nearest = _address(claimed.pop())
        if nearest is None:
            break
        address = nearest
    return address


def _is_trusted(address: str | None, trusted: tuple[str, ...]) -> bool:
    if address is None:
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped  # how a socket that listens on both families shows an IPv4 peer
    return any(parsed in network for network in _networks(trusted))


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in trusted)


def _address(text: str) -> str | None:
    """One entry without its port; ``None`` for what is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
