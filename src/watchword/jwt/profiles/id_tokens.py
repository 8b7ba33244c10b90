"""Verify ID tokens (OpenID Connect Core 1.0 §2, §3.1.3.7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

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
from watchword.jwt.profiles.comparisons import (
    check_identifiers,
    check_optional_texts,
    compare_claim,
    to_octets,
)
from watchword.jwt.readers import Reader
from watchword.jwt.verifier import Verifier

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # For PEP 696: without claims= the type is IdTokenClaims.

    T = TypeVar("T", default="IdTokenClaims")
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["IdTokenClaims", "id_token_verifier"]


class IdTokenClaims(Claims):
    """The claims of ID tokens (OpenID Connect Core 1.0 §2). Times are seconds since the epoch.

    Attributes:
        auth_time: the time of the login.
        nonce: the nonce of the authentication request.
        acr: the authentication context class of the login.
        amr: the authentication methods of the login.
        azp: the client that received the token.
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


def id_token_verifier(
    keys: Key | KeySource,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None,
    claims: type[T] | Reader[T] = IdTokenClaims,  # type: ignore[assignment]  # the default of T
    access_token: str | None = None,
    code: str | None = None,
    max_age: Duration | None = None,
    trusted_audiences: Collection[str] = (),
    decrypt_with: Key | KeySource | None = None,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Verifier[T]:
    """Make a client's Verifier for the answer to one authentication request (OpenID Connect Core §3.1.3.7).

    Its token has the issuer, this client as audience and no untrusted audience besides, and ``exp``, ``iat``
    and ``sub``. ``azp`` is this client if it is present, and it is present if there are several audiences.
    The ``typ`` is ``JWT`` or absent. There are no ``events``, because a logout token is not an ID token.

    Args:
        keys: the keys of the provider, or the client secret as a Key if the provider signs with an HMAC.
        issuer: the issuer identifier of the provider, as in its metadata.
        client_id: the id of this client at the provider.
        nonce: the nonce of the request. ``None`` if the request had none: a token with a nonce then belongs
            to another request.
        claims: the type to return, if tokens have more claims.
        access_token: the access token that came with the ID token, for ``at_hash`` to confirm (§3.1.3.6,
            §3.2.2.9). ``at_hash`` is optional in the code flow: pass the token only if the provider sends it.
        code: the code that came with the ID token in the hybrid flow, for ``c_hash`` to confirm (§3.3.2.10).
        max_age: the ``max_age`` of the request, in seconds or as a timedelta: the greatest accepted age of
            ``auth_time``, which must then be present.
        trusted_audiences: the other audiences that are accepted besides this client.
        decrypt_with: this client's keys, if ID tokens are encrypted to it.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: returns the current time in seconds since the epoch.

    Raises:
        InvalidSettings: an argument has the wrong form.
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

    def find_mismatches(
        said: Mapping[str, Any], header: Mapping[str, Any], now: float
    ) -> Iterator[InvalidClaims]:
        yield from _check_audiences(said, client_id, ours)
        if nonce is not None:
            yield from compare_claim(said, "nonce", nonce)
        elif "nonce" in said:
            yield InvalidClaims("the token belongs to another request", claim="nonce")
        yield from _check_login_time(said, now, tolerance, oldest)
        if access_token is not None:
            yield from compare_claim(said, "at_hash", *_hash_left_half(header["alg"], access_token))
        if code is not None:
            yield from compare_claim(said, "c_hash", *_hash_left_half(header["alg"], code))
        if "events" in said:
            yield InvalidClaims("the token reports an event, not a login", claim="events")

    return Verifier(
        keys,
        issuer=issuer,
        audience=client_id,
        claims=claims,
        require=("sub", "iat"),
        leeway=leeway,
        rule=find_mismatches,
        decrypt_with=decrypt_with,
        cache_size=0,  # A token comes once, and auth_time grows older.
        clock=clock,
    )


def _check_audiences(
    claims: Mapping[str, Any], client_id: str, ours: frozenset[str]
) -> Iterator[InvalidClaims]:
    """Yield the failures of the audiences besides this client, and of ``azp`` (steps 3 to 5)."""
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    if not all(isinstance(name, str) for name in named):
        return  # The Verifier reports the malformed aud.
    if client_id in named and not ours.issuperset(named):
        yield WrongAudience("the token is also for an audience that is not trusted", claim="aud")
    if len(set(named)) > 1 and "azp" not in claims:
        yield MissingClaim(claim="azp")
    if "azp" in claims:
        yield from compare_claim(claims, "azp", client_id)


def _check_login_time(
    claims: Mapping[str, Any], now: float, leeway: float, max_age: float | None
) -> Iterator[InvalidClaims]:
    """Yield the failures of ``auth_time`` (step 13)."""
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


# The hash that the signature algorithm uses (§3.1.3.6). For EdDSA this is its internal hash. No specification
# names a hash for ML-DSA, so nothing confirms a token or code there.
_HASHES: dict[str, HashAlgorithm] = {
    **dict.fromkeys(("HS256", "RS256", "PS256", "ES256", "ES256K"), SHA256()),
    **dict.fromkeys(("HS384", "RS384", "PS384", "ES384"), SHA384()),
    **dict.fromkeys(("HS512", "RS512", "PS512", "ES512", "EdDSA", "Ed25519"), SHA512()),
    "Ed448": SHAKE256(114),
}


def _hash_left_half(alg: str, text: str) -> Collection[str]:
    """Hash a text and return the left half in base64url. Empty if there is no hash for ``alg``."""
    if alg not in _HASHES:
        return ()
    hashing = Hash(_HASHES[alg])
    hashing.update(to_octets(text))
    digest = hashing.finalize()
    return (base64url.encode(digest[: len(digest) // 2]),)
