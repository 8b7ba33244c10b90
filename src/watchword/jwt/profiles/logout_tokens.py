"""Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from watchword.durations import Duration
from watchword.errors import InvalidClaims, MalformedClaim, MissingClaim
from watchword.jose import Key, KeySource
from watchword.jwt.claims import Claims
from watchword.jwt.expectations import TypeNames
from watchword.jwt.profiles.comparisons import check_identifiers
from watchword.jwt.verifier import Verifier

__all__ = ["LogoutTokenClaims", "logout_token"]

_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class LogoutTokenClaims(Claims):
    """What logout tokens say (§2.4): the subject, the session at the provider, or both.

    Attributes:
        sid: the session that is over; without it, all of the subject's are.
    """

    iss: str
    aud: str | tuple[str, ...]
    exp: int | float
    iat: int | float
    jti: str
    sid: str | None = None


def logout_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    client_id: str,
    typ: TypeNames = "logout+jwt",
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[LogoutTokenClaims]:
    """The Verifier of a client for what its provider posts to the back-channel logout URI (§2.6).

    Demands the issuer, us as audience, ``exp``, ``iat`` and ``jti``; ``sub`` or ``sid``; ``events`` with a
    back-channel logout among them; and no ``nonce``. Whether a ``jti`` has been used before is for the caller
    to know.

    Args:
        keys: those of the provider.
        issuer: the provider, as its metadata name it.
        client_id: who we are to the provider.
        typ: the ``typ`` of the header. The standard recommends it and does not require it (§2.4): ``None`` is
            for a provider whose logout tokens have ``JWT`` or none. The other rules still keep them apart
            from ID tokens (RFC 8725 §3.12).
        decrypt_with: our keys, where logout tokens are encrypted to us.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: what time it is, in seconds since the epoch.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """
    check_identifiers(issuer=issuer, client_id=client_id)
    return Verifier(
        keys,
        issuer=issuer,
        audience=client_id,
        typ=typ,
        claims=LogoutTokenClaims,
        require=("iat", "jti"),
        leeway=leeway,
        rule=_rule,
        decrypt_with=decrypt_with,
        cache_size=0,  # a token is seen once
        clock=clock,
    )


def _rule(claims: Mapping[str, Any], _header: Mapping[str, Any], _now: float) -> Iterator[InvalidClaims]:
    if claims.get("sub") is None and claims.get("sid") is None:
        yield MissingClaim("the token tells neither whom nor which session to log out", claim="sub")
    events = claims.get("events")
    if events is None:
        yield MissingClaim(claim="events")
    elif not isinstance(events, dict) or not isinstance(events.get(_EVENT, {}), dict):
        yield MalformedClaim(claim="events")
    elif _EVENT not in events:
        yield InvalidClaims("the token tells of something else than a logout", claim="events")
    if "nonce" in claims:
        yield InvalidClaims("the token belongs to a login", claim="nonce")
