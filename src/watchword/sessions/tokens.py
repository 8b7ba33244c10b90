"""The pair of tokens of a session: what is in them, and how they are issued and verified."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from watchword.errors import InvalidGrant
from watchword.jose.jwk import Key
from watchword.jose.ports import KeySource
from watchword.jwt.claims import Claims
from watchword.jwt.issuer import Issuer
from watchword.jwt.verifier import Verifier
from watchword.sessions.grants import Grant
from watchword.settings import Settings
from watchword.stores.contract import Session

__all__ = ["RefreshClaims", "TokenPairs", "Tokens", "refresh_verifier"]

# Refresh tokens are judged by the row, at the store's time. The verifier checks who made them, not when.
_ANY_TIME = 10**10


class RefreshClaims(Claims, frozen=True, kw_only=True):
    """What a refresh token says, besides the registered claims.

    A token from before version 4 of the schema has nothing but ``sid`` and ``gen``.

    Attributes:
        sub: the session's subject.
        sid: the session's id.
        gen: the session's generation when the token was issued.
        audience: the ``aud`` of the session's access tokens.
        client_id: the client that the token is for.
        account: whether the subject is an account of ours.
        scope: the most that the session may be granted; an account's own scopes where there is none.
        preferred_username: the name at login of a subject that is not an account.
    """

    sub: str
    exp: int
    sid: str
    gen: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
    audience: str | None = None
    client_id: str | None = None
    account: bool = False
    scope: str | None = None
    preferred_username: str | None = None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh hands out.

    Attributes:
        access_token: for the API; a JWT of type ``at+jwt`` (RFC 9068).
        refresh_token: for the next pair; good once, but for the window after it.
        expires_in: seconds for which the access token is good.
        refresh_expires_in: seconds for which the refresh token is good.
        scopes: what was granted.
        session_id: the session behind both.
        subject: whose session it is.
        token_type: how to present the access token (RFC 6750).
    """

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    scopes: tuple[str, ...]
    session_id: str
    subject: str
    token_type: str = "Bearer"  # noqa: S105 -- the name of a scheme, no secret

    def body(self) -> dict[str, Any]:
        """The response body of RFC 6749 §5.1."""
        return {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "refresh_expires_in": self.refresh_expires_in,
            "scope": " ".join(self.scopes),
        }

    def __repr__(self) -> str:
        return (
            f"Tokens(session_id={self.session_id!r}, subject={self.subject!r}, expires_in={self.expires_in})"
        )


class TokenPairs:
    """Issues the pairs of tokens.

    Args:
        access: issues access tokens, of type ``at+jwt``.
        refresh: issues refresh tokens, of type ``rt+jwt``, to itself as audience.
        settings: ``audience`` and ``client_id`` count here.
    """

    def __init__(self, *, access: Issuer, refresh: Issuer, settings: Settings) -> None:
        self._access = access
        self._refresh = refresh
        self._settings = settings

    def issue(self, session: Session, grant: Grant, now: float, *, lifetime: int) -> Tokens:
        """Issue a pair of the session's generation, at the store's time ``now``.

        An access token is good for ``lifetime`` seconds at most. No access token is good after the session's
        ``access_until``, and no refresh token after its ``expires_at``.

        Raises:
            InvalidGrant: no token would be good any more, because lifetimes have become shorter since the
                session started or was refreshed.
        """
        issued_at = int(now)
        expires_in = min(lifetime, int(session.access_until) - issued_at)
        refresh_expires_in = int(session.expires_at) - issued_at
        if min(expires_in, refresh_expires_in) < 1:
            raise InvalidGrant
        access_claims = {
            **grant.claims,
            "client_id": self._settings.client_id,
            "sid": session.id,
            "auth_time": int(session.authenticated_at),
            "preferred_username": grant.username,
        }
        if grant.scopes:
            access_claims["scope"] = " ".join(grant.scopes)
        refresh_claims = {
            "sid": session.id,
            "gen": session.generation,
            "audience": self._settings.audience,
            "client_id": self._settings.client_id,
            **grant.bound(),
        }
        return Tokens(
            access_token=self._access.issue(
                session.subject, access_claims, lifetime=expires_in, issued_at=issued_at
            ),
            refresh_token=self._refresh.issue(
                session.subject, refresh_claims, lifetime=refresh_expires_in, issued_at=issued_at
            ),
            expires_in=expires_in,
            refresh_expires_in=refresh_expires_in,
            scopes=grant.scopes,
            session_id=session.id,
            subject=session.subject,
        )


def refresh_verifier(keys: Key | KeySource, *, issuer: str) -> Verifier[RefreshClaims]:
    """What verifies our refresh tokens: who made them, and not when, since the row decides that.

    A refresh token goes from its issuer to its issuer, and names both as ``iss`` and ``aud``.
    """
    return Verifier(
        keys, issuer=issuer, audience=issuer, typ="rt+jwt", claims=RefreshClaims, leeway=_ANY_TIME
    )
