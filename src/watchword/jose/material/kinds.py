"""Key material (secrets and cryptography's key objects) and its kinds.

RFC 7518 §6 (oct, RSA, EC), RFC 8812 §3.1 (secp256k1), RFC 8037 §2 (Ed25519, Ed448, X25519, X448), RFC 9964
(ML-DSA).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa, x448, x25519

from watchword.errors import InvalidKey

__all__ = [
    "CURVES",
    "OCTET_KINDS",
    "KeyMaterial",
    "MaterialKind",
    "OctetKind",
    "PrivateKey",
    "PublicKey",
    "generate",
    "identify_kind",
    "refuse_kind",
    "to_public",
]

MaterialKind: TypeAlias = Literal[
    "oct",
    "RSA",
    "P-256",
    "P-384",
    "P-521",
    "secp256k1",
    "Ed25519",
    "Ed448",
    "X25519",
    "X448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
]
"""A JWK's ``kty`` as a single name. EC and OKP keys are named by ``crv``, AKP keys by ``alg``."""

PublicKey: TypeAlias = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | x25519.X25519PublicKey
    | x448.X448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
KeyMaterial: TypeAlias = bytes | PublicKey | PrivateKey

CURVES: Mapping[MaterialKind, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
"""The curves of ``kty`` EC."""

_CURVE_KINDS: dict[str, MaterialKind] = {curve.name: kind for kind, curve in CURVES.items()}


class OctetKind(NamedTuple):
    """A kind of key whose private and public keys are plain octets (``kty`` OKP and AKP).

    Attributes:
        private: cryptography's class of the private key.
        public: cryptography's class of the public key.
        from_private: makes a private key from its octets, or raises ValueError.
        from_public: makes a public key from its octets, or raises ValueError.
    """

    private: Any
    public: Any
    from_private: Callable[[bytes], PrivateKey]
    from_public: Callable[[bytes], PublicKey]


def _okp(private: Any, public: Any) -> OctetKind:
    return OctetKind(private, public, private.from_private_bytes, public.from_public_bytes)


def _akp(private: Any, public: Any) -> OctetKind:
    return OctetKind(private, public, private.from_seed_bytes, public.from_public_bytes)


OCTET_KINDS: Mapping[MaterialKind, OctetKind] = {
    "Ed25519": _okp(ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey),
    "Ed448": _okp(ed448.Ed448PrivateKey, ed448.Ed448PublicKey),
    "X25519": _okp(x25519.X25519PrivateKey, x25519.X25519PublicKey),
    "X448": _okp(x448.X448PrivateKey, x448.X448PublicKey),
    "ML-DSA-44": _akp(mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": _akp(mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": _akp(mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}
"""The kinds of ``kty`` OKP and AKP."""

_RSA_EXPONENT = 65_537
_RSA_BITS = 2048


def generate(kind: MaterialKind, length: int) -> KeyMaterial:
    """Generate material with the operating system's random source.

    Args:
        kind: the kind of material.
        length: length of a secret, in bytes.

    Raises:
        InvalidKey: the installed OpenSSL does not support the kind.
    """
    try:
        if kind == "oct":
            return os.urandom(length)
        if kind == "RSA":
            return rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
        if kind in CURVES:
            return ec.generate_private_key(CURVES[kind])
        return OCTET_KINDS[kind].private.generate()  # type: ignore[no-any-return]  # the class is one of seven
    except UnsupportedAlgorithm:
        raise refuse_kind(kind) from None


def refuse_kind(kind: str) -> InvalidKey:
    """Make the error for a kind of key that the installed OpenSSL does not support."""
    return InvalidKey(f"the OpenSSL that cryptography uses here does not support {kind}")


def identify_kind(material: KeyMaterial) -> MaterialKind:
    """Return the kind of material.

    Raises:
        InvalidKey: no algorithm here uses this type of key or curve.
    """
    if isinstance(material, bytes):
        return "oct"
    if isinstance(material, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return "RSA"
    if isinstance(material, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        if material.curve.name in _CURVE_KINDS:
            return _CURVE_KINDS[material.curve.name]
    else:
        for kind, halves in OCTET_KINDS.items():
            if isinstance(material, (halves.private, halves.public)):
                return kind
    raise InvalidKey(f"no algorithm here uses a key of type {_describe_type(material)}")


def _describe_type(material: object) -> str:
    curve = getattr(material, "curve", None)
    return f"EC on {curve.name}" if isinstance(curve, ec.EllipticCurve) else type(material).__name__


def to_public(material: PrivateKey | PublicKey) -> PublicKey:
    """Return the public key of a private or public key."""
    return material.public_key() if isinstance(material, PrivateKey) else material
