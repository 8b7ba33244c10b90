"""Events of tokens that work once."""

from __future__ import annotations

import logging

from watchword.events.event import Event

__all__ = ["TokenRedeemed", "TokenReplayed"]


class TokenRedeemed(Event, frozen=True, kw_only=True):
    """A token that works once was used.

    Attributes:
        purpose: the purpose that the token was issued for.
    """

    name = "token_redeemed"

    purpose: str


class TokenReplayed(Event, frozen=True, kw_only=True):
    """A token that works once was used again, and was refused.

    Attributes:
        issuer: the issuer of the token, if the token names it.
        purpose: the purpose that the token was issued for, if it is our token.
    """

    name = "token_replayed"
    level = logging.WARNING

    issuer: str | None = None
    purpose: str | None = None
