"""Verify DPoP proofs: the sender of a request holds a key (RFC 9449 §4)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, Concatenate, NamedTuple, ParamSpec
from urllib.parse import urlsplit

import msgspec

from watchword.arguments import describe_names, is_names
from watchword.deprecation import warn_renamed
from watchword.durations import Duration, to_seconds
from watchword.errors import InvalidClaims, InvalidKey, InvalidSettings, MalformedToken
from watchword.jose import Key, base64url
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import decode_header
from watchword.jose.material.jwk_members import SECRET_MEMBERS
from watchword.jwt.claims import Claims
from watchword.jwt.expectations import check_callable
from watchword.jwt.profiles.comparisons import check_optional_texts, check_texts, compare_claim, to_octets
from watchword.jwt.verifier import Verifier

__all__ = ["DpopProofVerifier", "Proof", "ProofClaims", "dpop_proof", "dpop_proof_verifier"]

_PORTS = {"http": 80, "https": 443}


class ProofClaims(Claims):
    """The claims of DPoP proofs (RFC 9449 §4.2). Times are seconds since the epoch.

    Attributes:
        htm: the method of the request.
        htu: the URL of the request, without query and fragment.
        ath: the hash of the access token.
        nonce: the nonce that the server gave to the client.
    """

    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str | None = None
    nonce: str | None = None


class Proof(msgspec.Struct, frozen=True):
    """A verified proof: the sender of the request holds a key. It does not identify the sender.

    Attributes:
        claims: the claims of the proof.
        jkt: the thumbprint of the key (RFC 7638). Compare it with ``cnf.jkt`` of the access token.
    """

    claims: ProofClaims
    jkt: str


def dpop_proof_verifier(
    *,
    method: str,
    url: str,
    access_token: str | None = None,
    nonce: str | Collection[str] | None = None,
    algorithms: Collection[str] = ("ES256", "EdDSA", "Ed25519"),
    max_age: Duration = 60,
    leeway: Duration = 30,
    clock: Callable[[], float] = time.time,
) -> DpopProofVerifier:
    """Make the verifier of the DPoP proof of one request (RFC 9449 §4.3).

    A proof has the ``typ`` ``dpop+jwt``, and a public key in its header that verifies its signature. It has
    ``htm`` and ``htu`` of the request, ``jti``, and an ``iat`` that is near. The caller must check three more
    things: a ``jti`` comes once, the access token is bound to this key, and the request has a single DPoP
    header.

    Args:
        method: the method of the request.
        url: the URL of the request as the client sees it. Behind a proxy this is the public URL.
        access_token: the access token of the request. ``ath`` must be its hash.
        nonce: the nonce that the client must use, or several that are still accepted. ``None`` accepts any.
        algorithms: the accepted algorithms. The default has algorithms with small keys and signatures,
            because any client may send a key.
        max_age: the greatest accepted age of ``iat``, in seconds or as a timedelta.
        leeway: allowed clock difference, in seconds or as a timedelta.
        clock: returns the current time in seconds since the epoch.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """
    if isinstance(algorithms, str) or not is_names(algorithms):
        raise InvalidSettings(
            f'algorithms must be a collection such as ("ES256", "EdDSA"), not {describe_names(algorithms)}'
        )
    check_texts(method=method, url=url)
    check_optional_texts(access_token=access_token)
    check_callable("clock", clock)
    nonces = (nonce,) if isinstance(nonce, str) else nonce
    if nonces is not None and not is_names(nonces):
        raise InvalidSettings(
            f"nonce must be a string, a collection of strings, or None, not {describe_names(nonce)}"
        )
    target = _parse_target(url)
    ath = None if access_token is None else _hash_token(access_token)

    def find_mismatches(
        said: Mapping[str, Any], _header: Mapping[str, Any], _now: float
    ) -> Iterator[InvalidClaims]:
        yield from compare_claim(said, "htm", method)
        htu = said.get("htu")
        if isinstance(htu, str) and (target is None or _parse_target(htu) != target):
            yield InvalidClaims("the proof is for another URL", claim="htu")
        if ath is not None:
            yield from compare_claim(said, "ath", ath)
        if nonces is not None:
            yield from compare_claim(said, "nonce", *nonces)

    make_verifier: Callable[[Key], Verifier[ProofClaims]] = partial(
        Verifier,
        typ="dpop+jwt",
        claims=ProofClaims,
        require=("jti", "htu", "iat"),
        allow_no_exp=True,
        leeway=to_seconds("leeway", leeway),
        max_age=to_seconds("max_age", max_age),
        rule=find_mismatches,
        cache_size=0,
        clock=clock,
    )
    return DpopProofVerifier(algorithms, make_verifier)


class DpopProofVerifier:
    """Verifies the DPoP proof of one request. Made by :func:`dpop_proof_verifier`."""

    def __init__(self, algorithms: Collection[str], make_verifier: Callable[[Key], Verifier[ProofClaims]]):
        self._algorithms = algorithms
        self._make_verifier = make_verifier

    def verify(self, proof: str) -> Proof:
        """Verify a proof with the key in its header.

        Args:
            proof: the value of the DPoP header.

        Raises:
            MalformedToken: the proof is not a compact JWS with claims inside, or has no acceptable key.
            UnknownKey: the key itself says that it is not for signatures.
            BadSignature: another key made the signature.
            InvalidClaims: a claim or the ``typ`` is not accepted. The subclass names the first failure,
                ``failures`` lists all of them.
        """
        key = _read_key(decode_header(split_token(proof, 3)[0], ()), self._algorithms)
        return Proof(self._make_verifier(key).verify(proof), key.thumbprint)


def _read_key(header: Mapping[str, Any], algorithms: Collection[str]) -> Key:
    """Read the key in the header. Only here is such a key used: it proves possession and is not trusted."""
    jwk, alg = header.get("jwk"), header["alg"]
    if alg not in algorithms or not isinstance(jwk, dict) or not SECRET_MEMBERS.isdisjoint(jwk):
        raise MalformedToken("the proof has no public key for an acceptable algorithm in it")
    try:
        return Key.from_jwk(jwk, alg)
    except InvalidKey:
        raise MalformedToken("the key in the proof is not usable") from None


def _hash_token(access_token: str) -> str:
    """Hash an access token for ``ath`` (RFC 9449 §4.2)."""
    return base64url.encode(hashlib.sha256(to_octets(access_token)).digest())


class _Target(NamedTuple):
    """A URL, normalized for comparison (RFC 9449 §4.3, RFC 3986 §6.2)."""

    scheme: str
    host: str
    port: int
    path: str


def _parse_target(url: str) -> _Target | None:
    """Parse a URL without its query and fragment. Return ``None`` if it is not an HTTP URL."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None  # urlsplit would drop some of these characters.
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


_P = ParamSpec("_P")


def _make_old_name(
    make_verifier: Callable[_P, DpopProofVerifier],
) -> Callable[Concatenate[str, _P], Proof]:
    """Make the function that verifies a proof at once. It warns, because it has another name now."""

    def verify_proof(proof: str, *args: _P.args, **request: _P.kwargs) -> Proof:
        warn_renamed("profiles.dpop_proof(...)", "profiles.dpop_proof_verifier(...).verify(proof)")
        return make_verifier(*args, **request).verify(proof)

    return verify_proof  # type: ignore[return-value]  # A caller may name the argument proof.


dpop_proof = _make_old_name(dpop_proof_verifier)
