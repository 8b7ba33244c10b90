"""Verify logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6)."""

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

__all__ = ["LogoutTokenClaims", "logout_token_verifier"]

_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class LogoutTokenClaims(Claims):
    """The claims of logout tokens (§2.4): the subject, the session at the provider, or both.

    Attributes:
        sid: the session that ended. Without it, all sessions of the subject ended.
    """

    iss: str
    aud: str | tuple[str, ...]
    exp: int | float
    iat: int | float
    jti: str
    sid: str | None = None


def logout_token_verifier(
    keys: Key | KeySource,
    *,
    issuer: str,
    client_id: str,
    typ: TypeNames = "logout+jwt",
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[LogoutTokenClaims]:
    """Make a client's Verifier for the tokens that its provider posts to the back-channel logout URI (§2.6).

    Its tokens have the issuer, this client as audience, ``exp``, ``iat`` and ``jti``, ``sub`` or ``sid``, and
    ``events`` with a back-channel logout. They have no ``nonce``. The caller must check that a ``jti`` comes
    once.

    Args:
        keys: the keys of the provider.
        issuer: the issuer identifier of the provider, as in its metadata.
        client_id: the id of this client at the provider.
        typ: the ``typ`` of the header. The standard recommends it but does not require it (§2.4). ``None`` is
            for a provider with logout tokens that have ``JWT`` or no ``typ``. The other rules still tell them
            from ID tokens (RFC 8725 §3.12).
        decrypt_with: this client's keys, if logout tokens are encrypted to it.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: returns the current time in seconds since the epoch.

    Raises:
        InvalidSettings: an argument has the wrong form.
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
        rule=_check_event,
        decrypt_with=decrypt_with,
        cache_size=0,  # A token comes once.
        clock=clock,
    )


def _check_event(
    claims: Mapping[str, Any], _header: Mapping[str, Any], _now: float
) -> Iterator[InvalidClaims]:
    if claims.get("sub") is None and claims.get("sid") is None:
        yield MissingClaim("the token names neither a subject nor a session to log out", claim="sub")
    events = claims.get("events")
    if events is None:
        yield MissingClaim(claim="events")
    elif not isinstance(events, dict) or not isinstance(events.get(_EVENT, {}), dict):
        yield MalformedClaim(claim="events")
    elif _EVENT not in events:
        yield InvalidClaims("the token reports another event than a logout", claim="events")
    if "nonce" in claims:
        yield InvalidClaims("the token belongs to a login", claim="nonce")
