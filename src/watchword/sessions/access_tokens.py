"""The access tokens of our sessions: their claims, and the identity that they give a request."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.errors import MalformedClaim
from watchword.jwt.claims import Claims, is_time
from watchword.jwt.readers import Reader, decode_dict

__all__ = ["ACCESS_TOKENS", "Identity"]


class _AccessClaims(Claims, frozen=True, kw_only=True):
    """What our own access tokens say (RFC 9068 §2.2), as far as an :class:`Identity` holds it."""

    sub: str
    sid: str
    auth_time: int
    preferred_username: str
    scope: str = ""
    cnf: Any = msgspec.UNSET


class Identity(msgspec.Struct, frozen=True):
    """Who makes a request, as a verified access token says.

    Two issuers may give the same subject to two people: a person is the pair of ``issuer`` and ``subject``.

    Attributes:
        subject: the ``sub``, which is unique for its issuer only. A number is here as text.
        username: the ``preferred_username``, or the subject where a token has none.
        scopes: what the token grants.
        session_id: the ``sid``; ``None`` in other people's tokens that have none.
        authenticated_at: seconds since the epoch at which the subject proved who they are; ``None`` as above.
        content: every claim of the token, as JSON; not shown by ``repr``.
        issuer: the ``iss``; ``None`` in other people's tokens that have none.
        is_bound: whether the token is good only with a proof of possession of a key (``cnf``, RFC 7800), as
            DPoP (RFC 9449) and mutual TLS (RFC 8705) have it. The guards refuse such a token.
    """

    subject: str
    username: str
    scopes: tuple[str, ...]
    session_id: str | None
    authenticated_at: float | None
    content: bytes
    issuer: str | None = None
    is_bound: bool = False

    @property
    def claims(self) -> dict[str, Any]:
        """Every claim of the token, which was verified; read again each time, and the caller's own."""
        claims: dict[str, Any] = decode_dict(self.content)
        return claims

    def __repr__(self) -> str:
        return (
            f"Identity(issuer={self.issuer!r}, subject={self.subject!r}, username={self.username!r}, "
            f"session={self.session_id!r})"
        )

    @classmethod
    def from_claims(cls, claims: dict[str, Any], *, scope_claim: str = "scope") -> Identity:
        """The identity in the claims of somebody else's token.

        Args:
            claims: of a token that a Verifier let through.
            scope_claim: where the scopes stand: as one string (RFC 8693 §4.2) or as a list of them.

        Raises:
            MalformedClaim: there is no ``sub``, or a claim is not of the type that it has to be.
        """
        subject, session_id, authenticated_at = claims.get("sub"), claims.get("sid"), claims.get("auth_time")
        if type(subject) is int:  # a Verifier with sub_type=int let it through
            subject = str(subject)
        if not isinstance(subject, str):
            raise MalformedClaim("the token does not say whom it is about", claim="sub")
        if session_id is not None and not isinstance(session_id, str):
            raise MalformedClaim(claim="sid")
        if authenticated_at is not None and not is_time(authenticated_at):
            raise MalformedClaim(claim="auth_time")
        username, scopes = claims.get("preferred_username"), claims.get(scope_claim, "")
        return cls(
            subject,
            username if isinstance(username, str) else subject,
            tuple(scopes.split()) if isinstance(scopes, str) else _listed(scopes, scope_claim),
            session_id,
            authenticated_at,
            msgspec.json.encode(claims),
            claims.get("iss"),
            "cnf" in claims,
        )


_decode = msgspec.json.Decoder(_AccessClaims).decode


def _read(payload: bytes) -> Identity:
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
    )


ACCESS_TOKENS = Reader(_read, shared=True)
"""Reads the identity in an access token of ours: once, as it never changes."""


def _listed(value: object, claim: str) -> tuple[str, ...]:
    """Scopes that do not stand in one text, as some providers have them."""
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return tuple(value)
    raise MalformedClaim(claim=claim)
