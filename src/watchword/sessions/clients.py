"""Where a request came from."""

from __future__ import annotations

import msgspec

__all__ = ["Client", "presentable"]


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
