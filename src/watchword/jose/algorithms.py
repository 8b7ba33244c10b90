"""The algorithms: one row each, so that auditing an algorithm is reading one row.

Sources: RFC 7518 §3 (HS, RS, PS, ES), RFC 8037 §3.1 (EdDSA), RFC 9864 §2.2 (Ed25519, Ed448), RFC 7518 §4.5
(dir). There is no ``none``, and no RS1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from watchword.errors import BadSignature

__all__ = ["ALGORITHMS", "Algorithm", "Curve", "KeyType", "Operation", "Scheme", "Sign", "Verify"]

KeyType: TypeAlias = Literal["oct", "RSA", "EC", "OKP"]
Curve: TypeAlias = Literal["P-256", "P-384", "P-521", "Ed25519", "Ed448"]
Operation: TypeAlias = Literal["sign", "verify", "encrypt", "decrypt"]

Sign: TypeAlias = Callable[[bytes], bytes]
Verify: TypeAlias = Callable[[bytes, bytes], None]
"""Takes the data, then the signature; raises BadSignature."""


class Scheme(NamedTuple):
    """How a signature algorithm works, apart from any key.

    Attributes:
        signer: makes the signing function of a secret or private key.
        verifier: makes the verifying function of a secret or public key.
    """

    signer: Callable[[Any], Sign]
    verifier: Callable[[Any], Verify]


def _hmac(digest: HashAlgorithm) -> Scheme:
    def signer(secret: bytes) -> Sign:
        keyed = HMAC(secret, digest)  # the secret is hashed in once; each message starts from a copy

        def sign(data: bytes) -> bytes:
            mac = keyed.copy()
            mac.update(data)
            return mac.finalize()

        return sign

    def verifier(secret: bytes) -> Verify:
        keyed = HMAC(secret, digest)

        def verify(data: bytes, signature: bytes) -> None:
            mac = keyed.copy()
            mac.update(data)
            try:
                mac.verify(signature)  # compares in constant time
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return Scheme(signer, verifier)


def _rsa(padding: AsymmetricPadding, digest: HashAlgorithm) -> Scheme:
    def signer(key: rsa.RSAPrivateKey) -> Sign:
        return lambda data: key.sign(data, padding, digest)

    def verifier(key: rsa.RSAPublicKey) -> Verify:
        def verify(data: bytes, signature: bytes) -> None:
            try:
                key.verify(signature, data, padding, digest)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return Scheme(signer, verifier)


def _pss(digest: HashAlgorithm) -> Scheme:
    # RFC 7518 §3.5: MGF1 with the same hash, the salt exactly as long as the hash.
    return _rsa(PSS(MGF1(digest), PSS.DIGEST_LENGTH), digest)


def _ecdsa(digest: HashAlgorithm, size: int) -> Scheme:
    algorithm = ec.ECDSA(digest)

    def signer(key: ec.EllipticCurvePrivateKey) -> Sign:
        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(data, algorithm))
            return r.to_bytes(size) + s.to_bytes(size)

        return sign

    def verifier(key: ec.EllipticCurvePublicKey) -> Verify:
        def verify(data: bytes, signature: bytes) -> None:
            # RFC 7518 §3.4: two field elements and nothing else. DER, or numbers of another length, would be
            # a second way to write the same signature. OpenSSL refuses zero and what is past the order.
            if len(signature) != 2 * size:
                raise BadSignature
            r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            try:
                key.verify(encode_dss_signature(r, s), data, algorithm)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return Scheme(signer, verifier)


def _eddsa() -> Scheme:
    def signer(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> Sign:
        return key.sign

    def verifier(key: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) -> Verify:
        def verify(data: bytes, signature: bytes) -> None:
            try:
                key.verify(signature, data)
            except InvalidSignature:
                raise BadSignature from None

        return verify

    return Scheme(signer, verifier)


class Algorithm(NamedTuple):
    """One row.

    Attributes:
        name: the ``alg`` of the tokens that a key of this algorithm makes.
        kty: the type of key it works with.
        scheme: how it signs; ``None`` for a key management algorithm.
        crv: the curve of the key, where there are several.
        secret: length of a generated secret and, for a MAC, the least of any (RFC 7518 §3.2), in bytes.
        synonym: another ``alg`` that names the same thing on such a key (RFC 9864 §2.2).
    """

    name: str
    kty: KeyType
    scheme: Scheme | None
    crv: Curve | None = None
    secret: int = 0
    synonym: str | None = None

    @property
    def operations(self) -> tuple[Operation, Operation]:
        """What a holder of the private key does, and what a holder of the public key does."""
        return ("sign", "verify") if self.scheme else ("decrypt", "encrypt")


ALGORITHMS: tuple[Algorithm, ...] = (
    Algorithm("HS256", "oct", _hmac(SHA256()), secret=32),
    Algorithm("HS384", "oct", _hmac(SHA384()), secret=48),
    Algorithm("HS512", "oct", _hmac(SHA512()), secret=64),
    Algorithm("RS256", "RSA", _rsa(PKCS1v15(), SHA256())),
    Algorithm("RS384", "RSA", _rsa(PKCS1v15(), SHA384())),
    Algorithm("RS512", "RSA", _rsa(PKCS1v15(), SHA512())),
    Algorithm("PS256", "RSA", _pss(SHA256())),
    Algorithm("PS384", "RSA", _pss(SHA384())),
    Algorithm("PS512", "RSA", _pss(SHA512())),
    Algorithm("ES256", "EC", _ecdsa(SHA256(), 32), "P-256"),
    Algorithm("ES384", "EC", _ecdsa(SHA384(), 48), "P-384"),
    Algorithm("ES512", "EC", _ecdsa(SHA512(), 66), "P-521"),
    Algorithm("EdDSA", "OKP", _eddsa(), "Ed25519", synonym="Ed25519"),
    Algorithm("EdDSA", "OKP", _eddsa(), "Ed448", synonym="Ed448"),
    Algorithm("Ed25519", "OKP", _eddsa(), "Ed25519", synonym="EdDSA"),
    Algorithm("Ed448", "OKP", _eddsa(), "Ed448", synonym="EdDSA"),
    Algorithm("dir", "oct", None, secret=32),
)
"""Every algorithm there is; where several rows fit a key, the first is meant."""
