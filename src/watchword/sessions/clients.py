"""Where a request came from."""

from __future__ import annotations

import ipaddress

import msgspec

__all__ = ["Client", "differences", "presentable"]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request came from.

    Attributes:
        ip_address: the client's address.
        user_agent: what it says it is.
    """

    ip_address: str | None = None
    user_agent: str | None = None


def presentable(client: Client | None) -> Client:
    """What is stored and logged of a client: short, and without characters that cannot be seen."""
    if client is None:
        return Client()
    return Client(ip_address=_visible(client.ip_address), user_agent=_visible(client.user_agent))


def _visible(text: str | None) -> str | None:
    return text and "".join(character for character in text[:256] if character.isprintable())


def differences(one: Client, other: Client) -> tuple[str, ...]:
    """Return in which of network and user agent two clients differ.

    A network is an IPv4 address, or the /64 of an IPv6 address: the least that a customer gets.
    """
    compared = {
        "network": (_network(one.ip_address), _network(other.ip_address)),
        "user_agent": (one.user_agent, other.user_agent),
    }
    return tuple(name for name, (here, there) in compared.items() if here != there)


def _network(address: str | None) -> str | None:
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
