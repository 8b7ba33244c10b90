"""ID tokens (OpenID Connect Core 1.0 §2, §3.1.3.7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar, overload

from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, SHAKE256, Hash, HashAlgorithm

from watchword.arguments import describe_names, is_names
from watchword.durations import Duration, to_seconds
from watchword.errors import (
    InvalidClaims,
    InvalidSettings,
    MalformedClaim,
    MissingClaim,
    NotYetValid,
    TokenTooOld,
    WrongAudience,
)
from watchword.jose import Key, KeySource, base64url
from watchword.jwt.claims import Claims, is_time
from watchword.jwt.profiles.comparisons import check_identifiers, check_optional_texts, differs, octets
from watchword.jwt.verifier import Verifier

__all__ = ["IdTokenClaims", "id_token"]

T = TypeVar("T")


class IdTokenClaims(Claims):
    """What ID tokens say (OpenID Connect Core 1.0 §2). Times are seconds since the epoch.

    Attributes:
        auth_time: when the subject logged in.
        nonce: that of the authentication request.
        acr: the class of that login.
        amr: the methods of that login.
        azp: the client that it was issued to.
        sid: the session at the provider (OpenID Connect Back-Channel Logout 1.0 §2.1).
    """

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int | float
    iat: int | float
    auth_time: int | float | None = None
    nonce: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    azp: str | None = None
    sid: str | None = None


@overload
def id_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    access_token: str | None = None,
    code: str | None = None,
    max_age: Duration | None = None,
    trusted_audiences: Collection[str] = (),
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[IdTokenClaims]: ...


@overload
def id_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    claims: type[T],
    access_token: str | None = None,
    code: str | None = None,
    max_age: Duration | None = None,
    trusted_audiences: Collection[str] = (),
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[T]: ...


def id_token(
    keys: Key | KeySource,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    claims: type[Any] = IdTokenClaims,
    access_token: str | None = None,
    code: str | None = None,
    max_age: Duration | None = None,
    trusted_audiences: Collection[str] = (),
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[Any]:
    """The Verifier of a client, for one answer to one authentication request (OpenID Connect Core §3.1.3.7).

    Demands the issuer, us as audience and nobody else whom we do not trust, ``exp``, ``iat`` and ``sub``;
    ``azp`` to be us, where it is there, and to be there, where there are several audiences. The ``typ`` is
    ``JWT`` or absent, and there are no ``events``: a logout token is no ID token.

    Args:
        keys: those of the provider; the client secret as a Key, where an HMAC was agreed on.
        issuer: the provider, as its metadata name it.
        client_id: who we are to the provider.
        nonce: that of the request; ``None`` if it had none, then a token with one belongs to another request.
        claims: the type to return, where tokens say more.
        access_token: the one that came along, which ``at_hash`` must then vouch for (§3.1.3.6, §3.2.2.9). In
            the code flow, where ``at_hash`` is optional, only given for a provider that sends it.
        code: the one that came along in the hybrid flow, which ``c_hash`` must then vouch for (§3.3.2.10).
        max_age: that of the request, in seconds or as a timedelta: how long ago ``auth_time`` may be. It must
            then be there.
        trusted_audiences: the other audiences that are acceptable beside us.
        decrypt_with: our keys, where ID tokens are encrypted to us.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: what time it is, in seconds since the epoch.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """
    tolerance = to_seconds("leeway", leeway)
    oldest = None if max_age is None else to_seconds("max_age", max_age)
    check_identifiers(issuer=issuer, client_id=client_id)
    check_optional_texts(nonce=nonce, access_token=access_token, code=code)
    if isinstance(trusted_audiences, str) or not is_names(trusted_audiences):
        raise InvalidSettings(
            f"trusted_audiences must be a collection of strings, not {describe_names(trusted_audiences)}"
        )
    ours = frozenset({client_id, *trusted_audiences})

    def rule(said: Mapping[str, Any], header: Mapping[str, Any], now: float) -> Iterator[InvalidClaims]:
        yield from _misdirected(said, client_id, ours)
        if nonce is not None:
            yield from differs(said, "nonce", nonce)
        elif "nonce" in said:
            yield InvalidClaims("the token belongs to another request", claim="nonce")
        yield from _long_ago(said, now, tolerance, oldest)
        if access_token is not None:
            yield from differs(said, "at_hash", *_half_hash(header["alg"], access_token))
        if code is not None:
            yield from differs(said, "c_hash", *_half_hash(header["alg"], code))
        if "events" in said:
            yield InvalidClaims("the token tells of an event, not of a login", claim="events")

    return Verifier(
        keys,
        issuer=issuer,
        audience=client_id,
        claims=claims,
        require=("sub", "iat"),
        leeway=leeway,
        rule=rule,
        decrypt_with=decrypt_with,
        cache_size=0,  # a token is seen once, and time passes for auth_time
        clock=clock,
    )


def _misdirected(claims: Mapping[str, Any], client_id: str, ours: frozenset[str]) -> Iterator[InvalidClaims]:
    """Whom the token is for besides us (steps 3 to 5)."""
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    if not all(isinstance(name, str) for name in named):
        return  # malformed, and told of already
    if client_id in named and not ours.issuperset(named):
        yield WrongAudience("the token is for others as well, who are not trusted", claim="aud")
    if len(set(named)) > 1 and "azp" not in claims:
        yield MissingClaim(claim="azp")
    if "azp" in claims:
        yield from differs(claims, "azp", client_id)


def _long_ago(
    claims: Mapping[str, Any], now: float, leeway: float, max_age: float | None
) -> Iterator[InvalidClaims]:
    """What is wrong with the time of the login (step 13)."""
    auth_time = claims.get("auth_time")
    if auth_time is None:
        if max_age is not None:
            yield MissingClaim(claim="auth_time")
    elif not is_time(auth_time):
        yield MalformedClaim(claim="auth_time")
    elif now < auth_time - leeway:
        yield NotYetValid(claim="auth_time")
    elif max_age is not None and now > auth_time + max_age + leeway:
        yield TokenTooOld("the login was too long ago", claim="auth_time")


# The hash that the signature algorithm uses (§3.1.3.6). For EdDSA that is the one inside of it; where nobody
# has said which one to take (ML-DSA), nothing vouches for anything.
_HASHES: dict[str, HashAlgorithm] = {
    **dict.fromkeys(("HS256", "RS256", "PS256", "ES256", "ES256K"), SHA256()),
    **dict.fromkeys(("HS384", "RS384", "PS384", "ES384"), SHA384()),
    **dict.fromkeys(("HS512", "RS512", "PS512", "ES512", "EdDSA", "Ed25519"), SHA512()),
    "Ed448": SHAKE256(114),
}


def _half_hash(alg: str, text: str) -> Collection[str]:
    """The left half of the hash of a text, in base64url; none where there is no hash for ``alg``."""
    if alg not in _HASHES:
        return ()
    hashing = Hash(_HASHES[alg])
    hashing.update(octets(text))
    digest = hashing.finalize()
    return (base64url.encode(digest[: len(digest) // 2]),)
