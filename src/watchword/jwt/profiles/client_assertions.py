"""Client assertions: how a client authenticates to an authorization server by its key (RFC 7523 §2.2, §3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from watchword.errors import InvalidClaims, InvalidSettings
from watchword.jose import Key, KeySource
from watchword.jwt.claims import Claims, is_duration, is_time
from watchword.jwt.verifier import Verifier

__all__ = ["ClientAssertionClaims", "client_assertion"]


class ClientAssertionClaims(Claims):
    """What client assertions say (RFC 7523 §3); ``iss`` and ``sub`` are the client."""

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int | float
    jti: str


def client_assertion(
    keys: Key | KeySource,
    *,
    client_id: str,
    audience: str | Collection[str],
    max_lifetime: float = 300,
    leeway: float = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[ClientAssertionClaims]:
    """The Verifier of an authorization server for the assertions of one client (RFC 7523 §3).

    Demands ``iss`` and ``sub`` to be the client, ``aud`` to be us, ``jti``, and an ``exp`` that is near.
    Whether a ``jti`` has been used before is for the caller to know.

    Args:
        keys: those of the client.
        client_id: the client, as the request names it or as :func:`~watchword.inspect` shows it.
        audience: who we are: the issuer's name, or the URL of the token endpoint, or both.
        max_lifetime: how far ahead ``exp`` may be, in seconds.
        leeway: allowed clock difference, in seconds.
        clock: what time it is, in seconds since the epoch.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """
    if not is_duration(max_lifetime):
        raise InvalidSettings("max_lifetime: seconds, zero or more")

    def rule(claims: Mapping[str, Any], _header: Mapping[str, Any], now: float) -> Iterator[InvalidClaims]:
        exp = claims.get("exp")
        if is_time(exp) and exp > now + max_lifetime + leeway:
            yield InvalidClaims("the assertion would be good for too long", claim="exp")

    return Verifier(
        keys,
        issuer=(client_id,),  # None is not one: it would accept any
        audience=audience or (),
        subject=client_id,
        claims=ClientAssertionClaims,
        require=("jti",),
        leeway=leeway,
        rule=rule,
        cache_size=0,  # a token is seen once
        clock=clock,
    )
