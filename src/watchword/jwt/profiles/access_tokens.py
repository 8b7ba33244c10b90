"""Verify access tokens (RFC 9068), also tokens that are bound to a key (RFC 9449 §6.1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import msgspec

from watchword.durations import Duration
from watchword.errors import InvalidSettings
from watchword.jose import Key, KeySource
from watchword.jwt.claims import Claims
from watchword.jwt.profiles.comparisons import check_identifiers
from watchword.jwt.readers import Reader
from watchword.jwt.verifier import Verifier

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # For PEP 696: without claims= the type is AccessTokenClaims.

    T = TypeVar("T", default="AccessTokenClaims")
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["AccessTokenClaims", "Confirmation", "access_token_verifier"]


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """The key that a token is bound to (RFC 7800 §3.1).

    Attributes:
        jkt: the thumbprint of the key that must sign the DPoP proof (RFC 9449 §6.1).
    """

    jkt: str | None = None


class AccessTokenClaims(Claims):
    """The claims of access tokens (RFC 9068 §2.2). Times are seconds since the epoch.

    Attributes:
        client_id: the client that received the token.
        scope: the granted scopes, separated by spaces.
        auth_time: the time of the login.
        acr: the authentication context class of the login.
        amr: the authentication methods of the login.
        cnf: the key that the token is bound to. A token with ``jkt`` counts only with a proof by that key:
            see :func:`~watchword.jwt.profiles.dpop_proof_verifier`.
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


def access_token_verifier(
    keys: Key | KeySource,
    *,
    issuer: str,
    audience: str | Collection[str],
    claims: type[T] | Reader[T] = AccessTokenClaims,  # type: ignore[assignment]  # the default of T
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[T]:
    """Make the Verifier of a resource server (RFC 9068 §4). A process needs it once.

    Its tokens have the ``typ`` ``at+jwt``, the issuer, an audience that names this server, and ``exp``,
    ``sub``, ``client_id``, ``iat`` and ``jti`` (§2.2).

    Args:
        keys: the keys of the authorization server.
        issuer: the issuer identifier of the authorization server, as in its metadata.
        audience: the name of this resource, or several names.
        claims: the type to return, if tokens have more claims.
        decrypt_with: this server's keys, if access tokens are encrypted to it.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: returns the current time in seconds since the epoch.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """
    check_identifiers(issuer=issuer)
    if audience is None:  # A Verifier would accept tokens without aud then.
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
