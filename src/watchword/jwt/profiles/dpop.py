"""DPoP proofs: a request comes from who holds a key (RFC 9449 §4)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from watchword.arguments import describe_names, is_names
from watchword.durations import Duration
from watchword.errors import InvalidClaims, InvalidKey, InvalidSettings, MalformedToken
from watchword.jose import Key, base64url
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import decode_header
from watchword.jose.material.jwk_members import SECRET_MEMBERS
from watchword.jwt.claims import Claims
from watchword.jwt.profiles.comparisons import check_optional_texts, check_texts, differs, octets
from watchword.jwt.verifier import Verifier

__all__ = ["Proof", "ProofClaims", "dpop_proof"]

_PORTS = {"http": 80, "https": 443}


class ProofClaims(Claims):
    """What DPoP proofs say (RFC 9449 §4.2). Times are seconds since the epoch.

    Attributes:
        htm: the method of the request.
        htu: the URL of the request, without query and fragment.
        ath: the hash of the access token.
        nonce: the one that the server gave.
    """

    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str | None = None
    nonce: str | None = None


class Proof(msgspec.Struct, frozen=True):
    """A good proof: whoever sent the request holds a key. Not who that is.

    Attributes:
        claims: what it says.
        jkt: the thumbprint of the key (RFC 7638), to be compared with ``cnf.jkt`` of the access token.
    """

    claims: ProofClaims
    jkt: str


def dpop_proof(
    proof: str,
    *,
    method: str,
    url: str,
    access_token: str | None = None,
    nonce: str | Collection[str] | None = None,
    algorithms: Collection[str] = ("ES256", "EdDSA", "Ed25519"),
    max_age: Duration = 60,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> Proof:
    """What the DPoP header of a request proves (RFC 9449 §4.3); a request may have one such header only.

    Demands ``typ`` ``dpop+jwt``, a public key in the header that the signature verifies with, ``htm`` and
    ``htu`` of the request, ``jti``, and an ``iat`` that is near. Whether a ``jti`` has been used before, and
    whether the access token is bound to this key, is for the caller to know.

    Args:
        proof: the value of the header.
        method: that of the request.
        url: that of the request as its client sees it, so behind a proxy the public one.
        access_token: the one that came along; ``ath`` must then be its hash.
        nonce: the one that the client was told to use, or several that are still good; then it must be there.
        algorithms: the acceptable ones. By default those whose keys and signatures are small, as anybody may
            send a key here.
        max_age: oldest acceptable ``iat``, in seconds back or as a timedelta.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: what time it is, in seconds since the epoch.

    Raises:
        MalformedToken: it is not a compact JWS with claims in it, or there is no acceptable key in it.
        UnknownKey: that key is not for signatures, as it says itself.
        BadSignature: it was not made with that key.
        InvalidClaims: a claim or the ``typ`` is not acceptable; its subclass says which, ``failures`` has all
            of them.
        InvalidSettings: an argument is of the wrong form.
    """
    if isinstance(algorithms, str) or not is_names(algorithms):
        raise InvalidSettings(
            f'algorithms must be a collection such as ("ES256", "EdDSA"), not {describe_names(algorithms)}'
        )
    check_texts(method=method, url=url)
    check_optional_texts(access_token=access_token)
    key = _key(decode_header(split_token(proof, 3)[0], ()), algorithms)
    nonces = (nonce,) if isinstance(nonce, str) else nonce
    if nonces is not None and not is_names(nonces):
        raise InvalidSettings(f"nonce must be a string, several, or None, not {describe_names(nonce)}")
    target = _target(url)

    def rule(said: Mapping[str, Any], _header: Mapping[str, Any], _now: float) -> Iterator[InvalidClaims]:
        yield from differs(said, "htm", method)
        htu = said.get("htu")
        if isinstance(htu, str) and (target is None or _target(htu) != target):
            yield InvalidClaims("the proof is for another URL", claim="htu")
        if access_token is not None:
            yield from differs(said, "ath", base64url.encode(hashlib.sha256(octets(access_token)).digest()))
        if nonces is not None:
            yield from differs(said, "nonce", *nonces)

    claims = Verifier(
        key,
        typ="dpop+jwt",
        claims=ProofClaims,
        require=("jti", "htu", "iat"),
        allow_no_exp=True,
        leeway=leeway,
        max_age=max_age,
        rule=rule,
        cache_size=0,
        clock=clock,
    ).verify(proof)
    return Proof(claims, key.thumbprint)


def _key(header: Mapping[str, Any], algorithms: Collection[str]) -> Key:
    """The key in the header. Here alone is one used: it proves that somebody has it, and is not trusted."""
    jwk, alg = header.get("jwk"), header["alg"]
    if alg not in algorithms or not isinstance(jwk, dict) or not SECRET_MEMBERS.isdisjoint(jwk):
        raise MalformedToken("the proof has no public key for an acceptable algorithm in it")
    try:
        return Key.from_jwk(jwk, alg)
    except InvalidKey:
        raise MalformedToken("the key in the proof is not usable") from None


class _Target(NamedTuple):
    """A URL in the form in which two of them can be compared (RFC 9449 §4.3, RFC 3986 §6.2)."""

    scheme: str
    host: str
    port: int
    path: str


def _target(url: str) -> _Target | None:
    """What a URL leads to, whatever its query and fragment are; ``None`` if it is not one of HTTP."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None  # urlsplit would leave some of these characters out
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return _Target(
        parts.scheme,
        parts.hostname,
        _PORTS[parts.scheme] if port is None else port,
        parts.path or "/",
    )
