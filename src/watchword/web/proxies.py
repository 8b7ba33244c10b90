"""Find the client of a request, with or without proxies in front."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from watchword.networks import Address, Network, parse_address, parse_networks
from watchword.sessions import Client
from watchword.web.http import Request

__all__ = ["ClientFinder", "find_client_address"]

logger = logging.getLogger("watchword.web")


class ClientFinder:
    """Finds the client of each request, and warns once if limits by address cannot work.

    Args:
        trusted: networks of the proxies.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = parse_networks(trusted)
        self._warned: set[str] = set()

    def find(self, request: Request) -> Client:
        """Return the client of a request, with the address that :func:`find_client_address` finds."""
        address = self._find_address(request.peer, request.find_header("x-forwarded-for"))
        return Client(ip_address=address, user_agent=request.find_header("user-agent"))

    def _find_address(self, peer: str | None, forwarded_for: str | None) -> str | None:
        address = find_client_address(peer, forwarded_for, self._trusted)
        if address is None:
            self._warn_once(
                "the address of a client is not known (a Unix socket?), so failed logins are not limited by "
                "address. Let the server listen on an address, or set the address in a middleware "
                "(under WSGI: REMOTE_ADDR)."
            )
        elif forwarded_for and not _is_trusted(_parse_entry(peer or ""), self._trusted):
            self._warn_once(
                "X-Forwarded-For came from an address that is not in trusted_proxies, and was ignored. If it "
                "is the address of your proxy, set WATCHWORD_TRUSTED_PROXIES: until then all clients have "
                "that address, and the failed logins of one client delay all. The address: %s",
                _parse_entry(peer or ""),
            )
        return address

    def _warn_once(self, message: str, *values: object) -> None:
        """Log a message the first time only, because requests would fill the log with it."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message, *values)


def find_client_address(
    peer: str | None, forwarded_for: str | None, trusted: Collection[Network]
) -> str | None:
    """Return the nearest address that does not belong to a trusted proxy.

    Walks from the connection's peer towards the client. Each trusted proxy vouches for the entry that it
    appended to ``X-Forwarded-For``, and for no entry left of it. So an entry that a client sends is not used.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: the value of the ``X-Forwarded-For`` header.
        trusted: networks of the proxies.

    Returns:
        The address, without a zone id. ``None`` if the peer has no address, as on a Unix socket.
    """
    entries = forwarded_for.split(",") if forwarded_for and trusted else []
    address = _parse_entry(peer or "")
    while entries and _is_trusted(address, trusted):
        nearest = _parse_entry(entries.pop())
        if nearest is None:
            break
        address = nearest
    return None if address is None else str(address)


def _is_trusted(address: Address | None, trusted: Collection[Network]) -> bool:
    return address is not None and any(address in network for network in trusted)


def _parse_entry(text: str) -> Address | None:
    """Parse an address that may stand in brackets, and that a port may follow."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_address(text)
