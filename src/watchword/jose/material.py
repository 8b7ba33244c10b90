"""What keys are made of: secrets and cryptography's key objects, to and from JWK members and PEM.

RFC 7518 §6 (oct, RSA, EC), RFC 8037 §2 (OKP). Weak and inconsistent keys are refused here, when they are
made, and not when somebody relies on them.
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from watchword.errors import InvalidKey, MalformedToken, WeakKey
from watchword.jose import base64url
from watchword.jose.algorithms import Algorithm, Curve, KeyType

__all__ = [
    "Material",
    "Private",
    "Public",
    "check_strength",
    "from_members",
    "from_pem",
    "generate",
    "kind_of",
    "members",
    "public_half",
    "to_pem",
]

Public: TypeAlias = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
Private: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
Material: TypeAlias = bytes | Public | Private

_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_NAMES: dict[str, Curve] = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_EDWARDS: dict[str, tuple[Any, Any]] = {
    "Ed25519": (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey),
    "Ed448": (ed448.Ed448PrivateKey, ed448.Ed448PublicKey),
}
_RSA_BITS = range(2048, 16_384 + 1)  # RFC 7518 §3.3; above, OpenSSL refuses to verify
_RSA_EXPONENT = (
    65_537  # NIST SP 800-56B: more than 2**16; small ones have been the way into bad padding checks
)


def generate(algorithm: Algorithm) -> Material:
    """New material for an algorithm, from the operating system's random source."""
    match algorithm.kty:
        case "oct":
            return os.urandom(algorithm.secret)
        case "RSA":
            return rsa.generate_private_key(_RSA_EXPONENT, 2048)
        case "EC":
            return ec.generate_private_key(_CURVES[algorithm.crv or ""])
        case "OKP":
            private, _ = _EDWARDS[algorithm.crv or ""]
            return private.generate()  # type: ignore[no-any-return]  # one class for each curve


def kind_of(material: Material) -> tuple[KeyType, Curve | None]:
    """The JWK's ``kty`` and ``crv``.

    Raises:
        InvalidKey: a type of key, or a curve, that no algorithm here uses.
    """
    match material:
        case bytes():
            return "oct", None
        case rsa.RSAPrivateKey() | rsa.RSAPublicKey():
            return "RSA", None
        case ec.EllipticCurvePrivateKey() | ec.EllipticCurvePublicKey():
            if material.curve.name in _CURVE_NAMES:
                return "EC", _CURVE_NAMES[material.curve.name]
        case ed25519.Ed25519PrivateKey() | ed25519.Ed25519PublicKey():
            return "OKP", "Ed25519"
        case ed448.Ed448PrivateKey() | ed448.Ed448PublicKey():
            return "OKP", "Ed448"
    raise InvalidKey("no algorithm here uses that type of key")


def public_half(material: Private | Public) -> Public:
    """The public key of a private or a public one."""
    return material.public_key() if isinstance(material, Private) else material


# -- strength ------------------------------------------------------------------------------------


def check_strength(material: Material, algorithm: Algorithm) -> None:
    """Refuse what is too weak for the algorithm.

    Raises:
        WeakKey: a secret shorter than the hash (RFC 7518 §3.2), RSA under 2,048 bits (§3.3) or with a small
            exponent.
        InvalidKey: a public key's text given as a secret: everybody knows that "secret".
    """
    if isinstance(material, bytes):
        if len(material) < algorithm.secret:
            raise WeakKey(f"{algorithm.name} needs a secret of at least {algorithm.secret} bytes")
        if _is_key_text(material):
            raise InvalidKey("that is the text of a key or certificate, not a secret")
    elif isinstance(public := public_half(material), rsa.RSAPublicKey):
        _check_rsa(public.public_numbers())


def _check_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    if numbers.n.bit_length() < _RSA_BITS.start:
        raise WeakKey("an RSA key needs at least 2048 bits")
    if numbers.n.bit_length() not in _RSA_BITS:
        raise InvalidKey("an RSA key has at most 16384 bits")
    if numbers.e < _RSA_EXPONENT:
        raise WeakKey("an RSA key needs a public exponent of at least 65537")


_KEY_TEXT = re.compile(rb"-{4,5} ?BEGIN |\A\s*(ssh-|ecdsa-sha2-|sk-)|\"kty\"")


def _is_key_text(secret: bytes) -> bool:
    """Whether a "secret" is a key in PEM, OpenSSH, JWK or DER, or the Base64 inside a PEM."""
    if _KEY_TEXT.search(secret):
        return True
    try:
        inside = binascii.a2b_base64(b"".join(secret.split()), strict_mode=True)
    except binascii.Error:
        inside = b""
    return _is_der(secret) or _is_der(inside)


def _is_der(data: bytes) -> bool:
    if not data.startswith(b"0"):  # a SEQUENCE: every key and certificate is one
        return False
    for load in (serialization.load_der_public_key, x509.load_der_x509_certificate):
        try:
            load(data)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return True
    return False


# -- PEM -----------------------------------------------------------------------------------------


def from_pem(pem: bytes, password: bytes | None) -> Material:
    """The private or public key in a PEM text.

    Raises:
        InvalidKey: it holds none, one of an unknown type, or the password does not fit.
    """
    try:
        if b"PRIVATE KEY-----" in pem:
            material: object = serialization.load_pem_private_key(pem, password)
        else:
            material = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("the PEM cannot be read, or the password does not fit") from None
    if not isinstance(material, Private | Public):
        raise InvalidKey("no algorithm here uses that type of key")
    return material


def to_pem(material: Private | Public) -> str:
    """PKCS#8 of a private key, SubjectPublicKeyInfo of a public one."""
    pem = serialization.Encoding.PEM
    if isinstance(material, Private):
        plain = serialization.NoEncryption()
        return material.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode()
    return material.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


# -- JWK members ---------------------------------------------------------------------------------


def from_members(jwk: Mapping[str, object]) -> Material:
    """The material of a JWK.

    Raises:
        InvalidKey: a member is missing or of the wrong form, or they do not belong together.
    """
    readers = {"oct": _read_oct, "RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp}
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in readers:
        raise InvalidKey("the JWK's kty is missing or unknown")
    try:
        return readers[kty](jwk)
    except (ValueError, UnsupportedAlgorithm):
        # cryptography: not on the curve, out of range, private and public part of different keys
        raise InvalidKey("the JWK's members do not make a key") from None


def members(material: Material, *, private: bool) -> dict[str, str]:
    """The JWK members of some material, ``kty`` included."""
    kty, crv = kind_of(material)
    if isinstance(material, bytes):
        return {"kty": kty, "k": base64url.encode(material)}
    numbers = _numbers(material)
    public = {"kty": kty, **({"crv": crv} if crv else {}), **numbers}
    return {**public, **_private_numbers(material)} if private and isinstance(material, Private) else public


def _read_oct(jwk: Mapping[str, object]) -> bytes:
    return _octets(jwk, "k")


def _read_rsa(jwk: Mapping[str, object]) -> Private | Public:
    if "oth" in jwk:
        raise InvalidKey("RSA keys of more than two primes are not supported")
    public = rsa.RSAPublicNumbers(_integer(jwk, "e"), _integer(jwk, "n"))
    _check_rsa(public)  # before any work is done on numbers of any size
    if "d" not in jwk:
        return public.public_key()
    d = _integer(jwk, "d")
    if not jwk.keys() & {"p", "q", "dp", "dq", "qi"}:
        p, q = rsa.rsa_recover_prime_factors(public.n, public.e, d)
        crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
        return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()
    p, q, dp, dq, qi = (_integer(jwk, name) for name in ("p", "q", "dp", "dq", "qi"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()


def _read_ec(jwk: Mapping[str, object]) -> Private | Public:
    crv = jwk.get("crv")
    if not isinstance(crv, str) or crv not in _CURVES:
        raise InvalidKey("the JWK's crv is missing or unknown")
    curve = _CURVES[crv]
    size = _field_size(curve)
    x, y = (int.from_bytes(_octets(jwk, name, size)) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, curve)
    if "d" not in jwk:
        return public.public_key()
    return ec.EllipticCurvePrivateNumbers(int.from_bytes(_octets(jwk, "d", size)), public).private_key()


def _read_okp(jwk: Mapping[str, object]) -> Private | Public:
    crv = jwk.get("crv")
    if not isinstance(crv, str) or crv not in _EDWARDS:
        raise InvalidKey("the JWK's crv is missing or unknown")
    private_type, public_type = _EDWARDS[crv]
    public: Public = public_type.from_public_bytes(_octets(jwk, "x"))
    if "d" not in jwk:
        return public
    private: Private = private_type.from_private_bytes(_octets(jwk, "d"))
    if private.public_key() != public:
        raise InvalidKey("the JWK's d and x belong to different keys")
    return private


def _numbers(material: Private | Public) -> dict[str, str]:
    match public_half(material):
        case rsa.RSAPublicKey() as key:
            rsa_numbers = key.public_numbers()
            return {"n": _uint(rsa_numbers.n), "e": _uint(rsa_numbers.e)}
        case ec.EllipticCurvePublicKey() as key:
            ec_numbers, size = key.public_numbers(), _field_size(key.curve)
            return {"x": _uint(ec_numbers.x, size), "y": _uint(ec_numbers.y, size)}
        case key:
            return {"x": base64url.encode(key.public_bytes_raw())}


def _private_numbers(material: Private) -> dict[str, str]:
    match material:
        case rsa.RSAPrivateKey():
            numbers = material.private_numbers()
            crt = {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
            return {
                name: _uint(value)
                for name, value in {"d": numbers.d, "p": numbers.p, "q": numbers.q, **crt}.items()
            }
        case ec.EllipticCurvePrivateKey():
            return {"d": _uint(material.private_numbers().private_value, _field_size(material.curve))}
        case _:
            return {"d": base64url.encode(material.private_bytes_raw())}


def _octets(jwk: Mapping[str, object], name: str, size: int | None = None) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise InvalidKey(f"the JWK's {name} is missing or not a string")
    try:
        octets = base64url.decode(value)
    except MalformedToken:
        raise InvalidKey(f"the JWK's {name} is not base64url") from None
    if size is not None and len(octets) != size:  # RFC 7518 §6.2.1.2: the full size of a coordinate
        raise InvalidKey(f"the JWK's {name} must be {size} bytes long")
    return octets


def _integer(jwk: Mapping[str, object], name: str) -> int:
    octets = _octets(jwk, name)
    if octets.startswith(b"\0"):  # RFC 7518 §2, Base64urlUInt: no leading zeros
        raise InvalidKey(f"the JWK's {name} has leading zeros")
    return int.from_bytes(octets)


def _uint(value: int, size: int | None = None) -> str:
    return base64url.encode(value.to_bytes(size or (value.bit_length() + 7) // 8))


def _field_size(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8
