"""Access tokens (RFC 9068), those bound to a key included (RFC 9449 §6.1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar, overload

import msgspec

from watchword.durations import Duration
from watchword.errors import InvalidSettings
from watchword.jose import Key, KeySource
from watchword.jwt.claims import Claims
from watchword.jwt.profiles.comparisons import check_identifiers
from watchword.jwt.readers import Reader
from watchword.jwt.verifier import Verifier

__all__ = ["AccessTokenClaims", "Confirmation", "access_token"]

T = TypeVar("T")


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What a token is bound to, besides who holds it (RFC 7800 §3.1).

    Attributes:
        jkt: the thumbprint of the key that a DPoP proof must have been made with (RFC 9449 §6.1).
    """

    jkt: str | None = None


class AccessTokenClaims(Claims):
    """What access tokens say (RFC 9068 §2.2). Times are seconds since the epoch.

    Attributes:
        client_id: the client that it was issued to.
        scope: what it grants, separated by spaces.
        auth_time: when the subject logged in.
        acr: the class of that login.
        amr: the methods of that login.
        cnf: what it is bound to. A token with ``jkt`` is good only with a proof by that key, see
            :func:`dpop_proof`.
    """

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int | float
    iat: int | float
    jti: str
    client_id: str
    scope: str = ""
    auth_time: int | float | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    cnf: Confirmation | None = None


@overload
def access_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    audience: str | Collection[str],
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[AccessTokenClaims]: ...


@overload
def access_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    audience: str | Collection[str],
    claims: type[T] | Reader[T],
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[T]: ...


def access_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    audience: str | Collection[str],
    claims: type[Any] | Reader[Any] = AccessTokenClaims,
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[Any]:
    """The Verifier of a resource server: one for the life of the process (RFC 9068 §4).

    Demands ``typ`` ``at+jwt``, the issuer, an audience that is us, ``exp``, and ``sub``, ``client_id``,
    ``iat`` and ``jti`` (§2.2).

    Args:
        keys: those of the authorization server.
        issuer: the authorization server, as its metadata name it.
        audience: the resource that we are, or several names of it.
        claims: the type to return, where tokens say more.
        decrypt_with: our keys, where access tokens are encrypted to us.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: what time it is, in seconds since the epoch.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """
    check_identifiers(issuer=issuer)
    if audience is None:  # which a Verifier would take for tokens without aud
        raise InvalidSettings("audience must be the name of the resource, or several names of it, not None")
    return Verifier(
        keys,
        issuer=issuer,
        audience=audience,
        typ="at+jwt",
        claims=claims,
        require=("sub", "client_id", "iat", "jti"),
        leeway=leeway,
        decrypt_with=decrypt_with,
        clock=clock,
    )
