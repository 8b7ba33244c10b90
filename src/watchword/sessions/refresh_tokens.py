"""The refresh tokens of our sessions: their claims, and how they are written and verified."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from watchword.jose.jwk import Key
from watchword.jose.ports import KeySource
from watchword.jwt.claims import Claims
from watchword.jwt.verifier import Verifier
from watchword.stores.contract import Session

__all__ = ["RefreshClaims", "SessionBounds", "refresh_verifier", "write_refresh_claims"]

# The row decides about refresh tokens, at the store's time. The verifier only checks the signature.
_ANY_TIME = 10**10


class SessionBounds(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What a login fixes for all refreshes of its session.

    Each refresh token carries the bounds, signed. So a change of the session's row grants nothing.

    Attributes:
        account: whether the subject is an account of ours.
        scope: the most that the session may be granted. ``None`` for all scopes of the account.
        preferred_username: the username at login of a subject that is not an account.
        amr: the methods that proved the subject's identity.
        claims: the claims of the login, for every access token of the session.
        lifetime: the session's own lifetime in seconds. ``None`` for the setting ``session_lifetime``.
    """

    account: bool = False
    scope: str | None = None
    preferred_username: str | None = None
    amr: tuple[str, ...] = ()
    claims: dict[str, Any] = msgspec.field(default_factory=dict)
    lifetime: int | None = None


class RefreshClaims(SessionBounds, frozen=True, kw_only=True):
    """The claims of a refresh token.

    A token from before version 4 of the schema has only ``sid`` and ``gen`` beside the registered claims.

    Attributes:
        sub: the session's subject.
        sid: the session's id.
        gen: the session's generation when the token was issued.
        audience: the ``aud`` of the session's access tokens.
        client_id: the client that the token is for.
    """

    sub: str
    exp: int
    sid: str
    gen: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
    audience: str | None = None
    client_id: str | None = None

    def to_bounds(self) -> SessionBounds:
        """Return the bounds alone."""
        return SessionBounds(**{name: getattr(self, name) for name in _BOUNDS})


_BOUNDS = tuple(name for name in SessionBounds.__struct_fields__ if name not in Claims.__struct_fields__)


def write_refresh_claims(
    session: Session, bounds: SessionBounds, *, audience: str, client_id: str
) -> dict[str, Any]:
    """Return the claims of a refresh token, except the registered claims."""
    return {
        "sid": session.id,
        "gen": session.generation,
        "audience": audience,
        "client_id": client_id,
        **msgspec.to_builtins(bounds),
    }


def refresh_verifier(keys: Key | KeySource, *, issuer: str) -> Verifier[RefreshClaims]:
    """Return the verifier of our refresh tokens. It checks their signature and issuer, not their expiry.

    A refresh token has its issuer as ``iss`` and as ``aud``.
    """
    return Verifier(
        keys, issuer=issuer, audience=issuer, typ="rt+jwt", claims=RefreshClaims, leeway=_ANY_TIME
    )
