"""What every guard asks of an identity, whichever framework it stands in."""

from __future__ import annotations

from collections.abc import Callable

from watchword.errors import InsufficientScope, InvalidToken, StaleAuthentication
from watchword.sessions.access_tokens import Identity

__all__ = ["check_identity"]


def check_identity(
    identity: Identity,
    now: Callable[[], float],
    *,
    scopes: frozenset[str] = frozenset(),
    max_age: float | None = None,
) -> None:
    """Return if a bearer token with this identity is enough for a view.

    Args:
        identity: of a token that was verified.
        now: what time it is, in seconds since the epoch.
        scopes: what the token has to grant, all of it.
        max_age: how many seconds ago the subject may have logged in at most.

    Raises:
        InvalidToken: the token is bound to a key, so as a bearer token it is worth nothing (RFC 9449 §7.2,
            RFC 8705 §3). Whoever stole it would otherwise get in.
        InsufficientScope: a scope is missing.
        StaleAuthentication: the login was longer ago, or the token does not say when it was.
    """
    if identity.is_bound:
        raise InvalidToken("the token is bound to a key (cnf), and a bearer token has no proof of it")
    if not scopes.issubset(identity.scopes):
        raise InsufficientScope(scopes=tuple(sorted(scopes)))
    if max_age is not None and not _is_fresh(identity, now(), max_age):
        raise StaleAuthentication(max_age=int(max_age))


def _is_fresh(identity: Identity, now: float, max_age: float) -> bool:
    return identity.authenticated_at is not None and now - identity.authenticated_at <= max_age
