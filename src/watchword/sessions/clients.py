"""Describe the client of a request."""

from __future__ import annotations

import msgspec

from watchword.networks import to_network

__all__ = ["Client", "clean_client", "compare_clients"]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """The client of a request.

    Attributes:
        ip_address: the client's IP address.
        user_agent: the ``User-Agent`` header that the client sent.
    """

    ip_address: str | None = None
    user_agent: str | None = None


def clean_client(client: Client | None) -> Client:
    """Return a client as it is stored and logged: shortened, and without invisible characters."""
    if client is None:
        return Client()
    return Client(ip_address=_clean_text(client.ip_address), user_agent=_clean_text(client.user_agent))


def _clean_text(text: str | None) -> str | None:
    return text and "".join(character for character in text[:256] if character.isprintable())


def compare_clients(one: Client, other: Client) -> tuple[str, ...]:
    """Return in which attributes two clients differ: ``network``, ``user_agent``, both or none.

    :func:`~watchword.networks.to_network` says what a network is. An address that is not an IP address is
    compared as it is.
    """
    compared = {
        "network": (
            to_network(one.ip_address) or one.ip_address,
            to_network(other.ip_address) or other.ip_address,
        ),
        "user_agent": (one.user_agent, other.user_agent),
    }
    return tuple(name for name, (here, there) in compared.items() if here != there)
