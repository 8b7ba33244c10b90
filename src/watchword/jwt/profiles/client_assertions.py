"""Client assertions: how a client authenticates to an authorization server by its key (RFC 7523 §2.2, §3)."""

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

__all__ = ["ClientAssertionClaims", "client_assertion"]


_TYPES = ("client-authentication+jwt", "JWT", None)


class ClientAssertionClaims(Claims):
    """What client assertions say (RFC 7523 §3); ``iss`` and ``sub`` are the client."""

    iss: str
    sub: str
    aud: str
    exp: int | float
    jti: str


def client_assertion(
    keys: Key | KeySource,
    *,
    client_id: str,
    audience: str,
    max_lifetime: Duration = 300,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[ClientAssertionClaims]:
    """The Verifier of an authorization server for the assertions of one client (RFC 7523 §3).

    Demands ``iss`` and ``sub`` to be the client, ``aud`` to be us and nothing else, ``jti``, and an ``exp``
    that is near. An ``aud`` that is an array is refused: another server that the client trusts could have it
    signed, and present the assertion here (draft-ietf-oauth-rfc7523bis). The ``typ`` is
    ``client-authentication+jwt``, ``JWT`` or absent. Whether a ``jti`` has been used before is for the caller
    to know.

    Args:
        keys: those of the client.
        client_id: the client, as the request names it or as :func:`~watchword.inspect_unverified` shows it.
        audience: our issuer identifier, as our metadata have it. The URL of an endpoint will not do.
        max_lifetime: how far ahead ``exp`` may be, in seconds or as a timedelta.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: what time it is, in seconds since the epoch.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """
    ahead = to_seconds("max_lifetime", max_lifetime) + to_seconds("leeway", leeway)
    check_identifiers(client_id=client_id, audience=audience)

    def rule(claims: Mapping[str, Any], _header: Mapping[str, Any], now: float) -> Iterator[InvalidClaims]:
        exp = claims.get("exp")
        if is_time(exp) and exp > now + ahead:
            yield InvalidClaims("the assertion would be good for too long", claim="exp")
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
        rule=rule,
        cache_size=0,  # a token is seen once
        clock=clock,
    )
