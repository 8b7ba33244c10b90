"""The pair of tokens that a login and each refresh return."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.errors import InvalidGrant
from watchword.jwt.issuer import Issuer
from watchword.sessions.access_tokens import write_access_claims
from watchword.sessions.grants import Grant
from watchword.sessions.refresh_tokens import write_refresh_claims
from watchword.settings import Settings
from watchword.stores.contract import Session

__all__ = ["TokenPairs", "Tokens"]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens that a login or a refresh returns.

    Attributes:
        access_token: a JWT of type ``at+jwt`` (RFC 9068), to present to the API.
        refresh_token: the token that gets the next pair. It works once, and again in a short window after.
        expires_in: seconds until the access token expires.
        refresh_expires_in: seconds until the refresh token expires.
        scopes: the granted scopes.
        session_id: the session of both tokens.
        subject: the subject of the session.
        token_type: how to present the access token (RFC 6750).
    """

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    scopes: tuple[str, ...]
    session_id: str
    subject: str
    token_type: str = "Bearer"  # noqa: S105 -- the name of a scheme, not a secret

    def body(self) -> dict[str, Any]:
        """Return the response body of RFC 6749 §5.1."""
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
        settings: the settings ``audience`` and ``client_id`` are used.
    """

    def __init__(self, *, access: Issuer, refresh: Issuer, settings: Settings) -> None:
        self._access = access
        self._refresh = refresh
        self._settings = settings

    def issue(self, session: Session, grant: Grant, now: float, *, lifetime: int) -> Tokens:
        """Issue a pair of the session's generation, at the store's time ``now``.

        An access token lasts ``lifetime`` seconds at most. No access token outlasts the session's
        ``access_until``, and no refresh token its ``expires_at``.

        Raises:
            InvalidGrant: both times are over, because lifetimes have become shorter since the session
                started or was refreshed.
        """
        issued_at = int(now)
        expires_in = min(lifetime, int(session.access_until) - issued_at)
        refresh_expires_in = int(session.expires_at) - issued_at
        if min(expires_in, refresh_expires_in) < 1:
            raise InvalidGrant
        audience, client_id = self._settings.audience, self._settings.client_id
        access_claims = write_access_claims(
            session,
            grant.claims,
            client_id=client_id,
            username=grant.username,
            scopes=grant.scopes,
            amr=grant.bounds.amr,
        )
        refresh_claims = write_refresh_claims(session, grant.bounds, audience=audience, client_id=client_id)
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
