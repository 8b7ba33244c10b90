"""Verify client assertions: a client authenticates to an authorization server with its key (RFC 7523 §3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from watchword.durations import Duration, to_seconds
from watchword.errors import InvalidClaims, MalformedClaim
from watchword.jose import Key, KeySource
from watchword.jwt.claims import Claims, is_time
from watchword.jwt.profiles.comparisons import check_identifiers
from watchword.jwt.verifier import Verifier

__all__ = ["ClientAssertionClaims", "client_assertion_verifier"]

_TYPES = ("client-authentication+jwt", "JWT", None)


class ClientAssertionClaims(Claims):
    """The claims of client assertions (RFC 7523 §3). ``iss`` and ``sub`` are the client."""

    iss: str
    sub: str
    aud: str
    exp: int | float
    jti: str


def client_assertion_verifier(
    keys: Key | KeySource,
    *,
    client_id: str,
    audience: str,
    max_lifetime: Duration = 300,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[ClientAssertionClaims]:
    """Make an authorization server's Verifier for the assertions of one client (RFC 7523 §3).

    In an assertion ``iss`` and ``sub`` are the client, ``aud`` is this server and nothing else, ``jti`` is
    present, and ``exp`` is near. An ``aud`` that is an array is refused: another server that the client
    trusts could make the client sign it, and present the assertion here (draft-ietf-oauth-rfc7523bis). The
    ``typ`` is ``client-authentication+jwt``, ``JWT`` or absent. The caller must check that a ``jti`` comes
    once.

    Args:
        keys: the keys of the client.
        client_id: the client, as named by the request or shown by :func:`~watchword.inspect_unverified`.
        audience: this server's issuer identifier, as in its metadata. The URL of an endpoint is refused.
        max_lifetime: the greatest accepted time until ``exp``, in seconds or as a timedelta.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: returns the current time in seconds since the epoch.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """
    ahead = to_seconds("max_lifetime", max_lifetime) + to_seconds("leeway", leeway)
    check_identifiers(client_id=client_id, audience=audience)

    def find_misuse(
        claims: Mapping[str, Any], _header: Mapping[str, Any], now: float
    ) -> Iterator[InvalidClaims]:
        exp = claims.get("exp")
        if is_time(exp) and exp > now + ahead:
            yield InvalidClaims("the assertion would be accepted for too long", claim="exp")
        if isinstance(claims.get("aud"), list):
            yield MalformedClaim("the aud of a client assertion is a string, not an array", claim="aud")

    return Verifier(
        keys,
        issuer=client_id,
        audience=audience,
        subject=client_id,
        typ=_TYPES,
        claims=ClientAssertionClaims,
        require=("jti",),
        leeway=leeway,
        rule=find_misuse,
        cache_size=0,  # A token comes once.
        clock=clock,
    )
