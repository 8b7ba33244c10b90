"""Make and check signatures, independent of key formats: bytes in, bytes out.

RFC 7518 §3 (HS, RS, PS, ES), RFC 8812 §3.2 (ES256K), RFC 8037 §3.1 (EdDSA), RFC 9964 (ML-DSA).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from watchword.errors import BadSignature, InvalidKey

__all__ = [
    "ECDSA_FIELDS",
    "SignFunction",
    "SignatureScheme",
    "VerifyFunction",
    "ecdsa",
    "hashless",
    "hmac_sha2",
    "raw_from_der",
    "rsa_pkcs1",
    "rsa_pss",
]

SignFunction: TypeAlias = Callable[[bytes], bytes]
VerifyFunction: TypeAlias = Callable[[bytes, bytes], None]
"""Takes the data and the signature. Raises BadSignature."""


ECDSA_FIELDS: Mapping[str, int] = {"ES256": 32, "ES256K": 32, "ES384": 48, "ES512": 66}
"""Length of r and of s, in bytes (RFC 7518 §3.4, RFC 8812 §3.2)."""


class SignatureScheme(NamedTuple):
    """A signature algorithm, not yet bound to a key.

    Attributes:
        make_signer: takes a secret or private key, and returns its signing function.
        make_verifier: takes a secret or public key, and returns its verifying function.
    """

    make_signer: Callable[[Any], SignFunction]
    make_verifier: Callable[[Any], VerifyFunction]


def hmac_sha2(digest: HashAlgorithm) -> SignatureScheme:
    """Return HMAC with SHA-2 (RFC 7518 §3.2)."""

    def make_signer(secret: bytes) -> SignFunction:
        keyed = HMAC(secret, digest)  # Each message copies this state, so the secret is hashed only once.

        def sign(data: bytes) -> bytes:
            mac = keyed.copy()
            mac.update(data)
            return mac.finalize()

        return sign

    def make_verifier(secret: bytes) -> VerifyFunction:
        keyed = HMAC(secret, digest)

        def verify(data: bytes, signature: bytes) -> None:
            mac = keyed.copy()
            mac.update(data)
            try:
                mac.verify(signature)  # compares in constant time
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return SignatureScheme(make_signer, make_verifier)


# RFC 8017 §9.2, note 1: the bytes that RSASSA-PKCS1-v1_5 puts before the hash, by the name of the hash.
_DIGEST_INFO: Mapping[str, bytes] = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


def rsa_pkcs1(digest: HashAlgorithm) -> SignatureScheme:
    """Return RSASSA-PKCS1-v1_5 (RFC 7518 §3.3)."""
    padding = PKCS1v15()
    hash_of, digest_info = getattr(hashlib, digest.name), _DIGEST_INFO[digest.name]
    as_it_is: Any = NoDigestInfo()  # cryptography documents it for verify too, but the annotation lacks it.

    def make_signer(key: rsa.RSAPrivateKey) -> SignFunction:
        return lambda data: key.sign(data, padding, digest)

    def make_verifier(key: rsa.RSAPublicKey) -> VerifyFunction:
        def verify(data: bytes, signature: bytes) -> None:
            try:
                # Hash here: OpenSSL looks up the hash for each signature, which takes 6 % of the time.
                key.verify(signature, digest_info + hash_of(data).digest(), padding, as_it_is)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return SignatureScheme(make_signer, make_verifier)


def rsa_pss(digest: HashAlgorithm) -> SignatureScheme:
    """Return RSASSA-PSS (RFC 7518 §3.5). MGF1 uses the same hash, and the salt is as long as the hash."""
    padding = PSS(MGF1(digest), PSS.DIGEST_LENGTH)

    def make_signer(key: rsa.RSAPrivateKey) -> SignFunction:
        return lambda data: key.sign(data, padding, digest)

    def make_verifier(key: rsa.RSAPublicKey) -> VerifyFunction:
        def verify(data: bytes, signature: bytes) -> None:
            try:
                key.verify(signature, data, padding, digest)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return SignatureScheme(make_signer, make_verifier)


def ecdsa(digest: HashAlgorithm, size: int) -> SignatureScheme:
    """Return ECDSA over a field of ``size`` bytes (RFC 7518 §3.4, RFC 8812 §3.2)."""
    algorithm = ec.ECDSA(digest)

    def make_signer(key: ec.EllipticCurvePrivateKey) -> SignFunction:
        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(data, algorithm))
            return r.to_bytes(size) + s.to_bytes(size)

        return sign

    def make_verifier(key: ec.EllipticCurvePublicKey) -> VerifyFunction:
        def verify(data: bytes, signature: bytes) -> None:
            # RFC 7518 §3.4: exactly two field elements. DER, or numbers of another length, would be a second
            # encoding of the same signature. OpenSSL refuses zero and numbers above the order.
            if len(signature) != 2 * size:
                raise BadSignature
            r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            try:
                key.verify(encode_dss_signature(r, s), data, algorithm)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return SignatureScheme(make_signer, make_verifier)


def raw_from_der(der: bytes, alg: str) -> bytes:
    """Convert an ECDSA signature from DER, as a KMS or HSM returns it, to the form of a JWS: r and s.

    Args:
        der: the signature in DER.
        alg: the algorithm: ES256, ES256K, ES384 or ES512.

    Raises:
        InvalidKey: the bytes are not an ECDSA signature in DER, or the algorithm is not ECDSA.
    """
    try:
        size = ECDSA_FIELDS[alg]
        r, s = decode_dss_signature(der)
        return r.to_bytes(size) + s.to_bytes(size)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InvalidKey("the bytes are not an ECDSA signature of this algorithm in DER") from None


class _SigningKey(Protocol):
    def sign(self, data: bytes, /) -> bytes: ...


class _VerifyingKey(Protocol):
    def verify(self, signature: bytes, data: bytes, /) -> None: ...


def hashless() -> SignatureScheme:
    """Return EdDSA or ML-DSA (RFC 8037 §3.1, RFC 9964). The key determines the hash and the parameters."""

    def make_signer(key: _SigningKey) -> SignFunction:
        return key.sign

    def make_verifier(key: _VerifyingKey) -> VerifyFunction:
        def verify(data: bytes, signature: bytes) -> None:
            try:
                key.verify(signature, data)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return SignatureScheme(make_signer, make_verifier)
