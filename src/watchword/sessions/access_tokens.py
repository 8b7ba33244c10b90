"""The access tokens of our sessions: their claims, how they are written and read, and the identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from watchword.errors import MalformedClaim
from watchword.jwt.claims import Claims, is_time
from watchword.jwt.readers import Reader, decode_dict
from watchword.stores.contract import Session

__all__ = ["ACCESS_TOKENS", "SESSION_CLAIMS", "Identity", "write_access_claims"]


class Identity(msgspec.Struct, frozen=True):
    """The subject of a request, from a verified access token.

    A subject is unique for its issuer only. The pair of ``issuer`` and ``subject`` identifies a person.

    Attributes:
        subject: the ``sub``. A number is given as text.
        username: the ``preferred_username``, or the subject if the token has no username.
        scopes: the scopes that the token grants.
        session_id: the ``sid``. ``None`` if the token of another issuer has no such claim.
        authenticated_at: the time at which the subject last proved its identity, in seconds since the epoch.
            ``None`` if the token of another issuer does not say.
        content: every claim of the token, as JSON. ``repr`` does not show it.
        issuer: the ``iss``. ``None`` if the token of another issuer has no such claim.
        is_bound: whether the token demands a proof of possession of a key (``cnf``, RFC 7800). Tokens of DPoP
            (RFC 9449) and mutual TLS (RFC 8705) do. The guards refuse such a token.
        amr: the methods that proved the subject's identity (RFC 8176), such as ``("pwd",)``. Empty if the
            token does not name them.
    """

    subject: str
    username: str
    scopes: tuple[str, ...]
    session_id: str | None
    authenticated_at: float | None
    content: bytes
    issuer: str | None = None
    is_bound: bool = False
    amr: tuple[str, ...] = ()

    @property
    def claims(self) -> dict[str, Any]:
        """Every claim of the verified token. Each access reads them again, so the caller owns the dict."""
        claims: dict[str, Any] = decode_dict(self.content)
        return claims

    # Frameworks ask a user for the next three. The names are Starlette's and Django's.

    @property
    def is_authenticated(self) -> bool:
        """Always ``True``, because a token was verified. An anonymous request has another user."""
        return True

    @property
    def display_name(self) -> str:
        """The username, for people to read."""
        return self.username

    @property
    def identity(self) -> str:
        """The subject, which Starlette calls the identity of a user."""
        return self.subject

    def __repr__(self) -> str:
        return (
            f"Identity(issuer={self.issuer!r}, subject={self.subject!r}, username={self.username!r}, "
            f"session={self.session_id!r})"
        )

    @classmethod
    def from_claims(cls, claims: dict[str, Any], *, scope_claim: str = "scope") -> Identity:
        """Return the identity in the claims of another issuer's token.

        Args:
            claims: the claims of a token that a Verifier has accepted.
            scope_claim: the claim that has the scopes, as a string (RFC 8693 §4.2) or as a list.

        Raises:
            MalformedClaim: the ``sub`` is missing, or a claim has the wrong type.
        """
        subject, session_id, authenticated_at = claims.get("sub"), claims.get("sid"), claims.get("auth_time")
        if type(subject) is int:  # A Verifier with sub_type=int has accepted it.
            subject = str(subject)
        if not isinstance(subject, str):
            raise MalformedClaim("the token has no subject", claim="sub")
        if session_id is not None and not isinstance(session_id, str):
            raise MalformedClaim(claim="sid")
        if authenticated_at is not None and not is_time(authenticated_at):
            raise MalformedClaim(claim="auth_time")
        username, scopes = claims.get("preferred_username"), claims.get(scope_claim, "")
        return cls(
            subject,
            username if isinstance(username, str) else subject,
            tuple(scopes.split()) if isinstance(scopes, str) else _read_scope_list(scopes, scope_claim),
            session_id,
            authenticated_at,
            msgspec.json.encode(claims),
            claims.get("iss"),
            "cnf" in claims,
            _read_methods(claims.get("amr")),
        )


class _AccessClaims(Claims, frozen=True, kw_only=True):
    """The claims of our access tokens (RFC 9068 §2.2) that an :class:`Identity` holds."""

    sub: str
    sid: str
    auth_time: int
    preferred_username: str
    scope: str = ""
    amr: tuple[str, ...] = ()
    cnf: Any = msgspec.UNSET


SESSION_CLAIMS = frozenset({"amr", "auth_time", "client_id", "sid"})
"""The claims that only Watchword sets, besides the registered claims (RFC 7519 §4.1)."""


def write_access_claims(
    session: Session,
    claims: Mapping[str, Any],
    *,
    client_id: str,
    username: str,
    scopes: tuple[str, ...],
    amr: tuple[str, ...],
) -> dict[str, Any]:
    """Return the claims of an access token, except the registered claims.

    Args:
        session: the session of the token.
        claims: the application's own claims.
        client_id: the client that the token is for.
        username: the username of the subject.
        scopes: the scopes that the token grants.
        amr: the methods that proved the subject's identity (RFC 9068 §2.2.1).
    """
    written = {
        **claims,
        "client_id": client_id,
        "sid": session.id,
        "auth_time": int(session.authenticated_at),
        "preferred_username": username,
    }
    if scopes:
        written["scope"] = " ".join(scopes)
    if amr:
        written["amr"] = amr
    return written


_decode = msgspec.json.Decoder(_AccessClaims).decode


def _read_identity(payload: bytes) -> Identity:
    claims = _decode(payload)
    return Identity(
        claims.sub,
        claims.preferred_username,
        tuple(claims.scope.split()),
        claims.sid,
        claims.auth_time,
        payload,
        claims.iss,
        claims.cnf is not msgspec.UNSET,
        claims.amr,
    )


ACCESS_TOKENS = Reader(_read_identity, shared=True)
"""Reads the identity in an access token of ours. Callers may share it, because it never changes."""


def _read_scope_list(value: object, claim: str) -> tuple[str, ...]:
    """Return the scopes of a list, as some providers have them."""
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return tuple(value)
    raise MalformedClaim(claim=claim)


def _read_methods(value: object) -> tuple[str, ...]:
    """Return the names of a list. Anything else names no method, so that nothing is granted for it."""
    if isinstance(value, list) and all(isinstance(method, str) for method in value):
        return tuple(value)
    return ()
