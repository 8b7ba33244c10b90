"""The members of a JWK that hold key material, to and from cryptography's key objects.

RFC 7518 §6 (oct, RSA, EC), RFC 8812 §3.1 (secp256k1), RFC 8037 §2 (OKP), RFC 9964 (AKP), RFC 7638
(thumbprints).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from watchword.arguments import quote
from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import base64url
from watchword.jose.material.kinds import (
    CURVES,
    OCTET_KINDS,
    KeyMaterial,
    MaterialKind,
    PrivateKey,
    PublicKey,
    identify_kind,
    refuse_kind,
    to_public,
)
from watchword.jose.material.rsa_primes import recover_primes
from watchword.jose.material.strength import check_rsa

__all__ = ["SECRET_MEMBERS", "compute_thumbprint", "from_members", "to_members"]

_OKP: tuple[MaterialKind, ...] = ("Ed25519", "Ed448", "X25519", "X448")
_AKP: tuple[MaterialKind, ...] = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")

SECRET_MEMBERS = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth", "priv"})
"""The members of secret and private keys of every type. A prime factor alone gives an RSA key away."""


def from_members(jwk: Mapping[str, object]) -> KeyMaterial:
    """Return the key material of a JWK.

    Raises:
        InvalidKey: a member is missing, malformed, or contradicts another member.
    """
    readers = {"oct": _read_oct, "RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp, "AKP": _read_akp}
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in readers:
        advice = ". This is a JWK set: read it with KeySet.from_jwks" if "keys" in jwk else ""
        raise InvalidKey(f"the JWK's kty must be one of {', '.join(readers)}, not {quote(kty)}{advice}")
    try:
        return readers[kty](jwk)
    except ValueError:
        # cryptography: not on the curve, out of range, or the private and public part of different keys
        raise InvalidKey(
            f"the JWK's members are not a key of kty {kty}: they contradict each other"
        ) from None
    except UnsupportedAlgorithm:
        raise refuse_kind(str(jwk.get("crv") or jwk.get("alg") or kty)) from None


def to_members(material: KeyMaterial, *, private: bool) -> dict[str, str]:
    """Return the JWK members of key material, with ``kty``."""
    if isinstance(material, bytes):
        return {"kty": "oct", "k": base64url.encode(material)}
    public = _to_public_members(identify_kind(material), to_public(material))
    return (
        {**public, **_to_private_members(material)}
        if private and isinstance(material, PrivateKey)
        else public
    )


def compute_thumbprint(material: KeyMaterial) -> str:
    """Compute the RFC 7638 thumbprint with SHA-256."""
    # §3.3: only the required members, in lexicographic order, without white space.
    canonical = msgspec.json.encode(to_members(material, private=False), order="sorted")
    return base64url.encode(hashlib.sha256(canonical).digest())


# -- reading -------------------------------------------------------------------------------------


def _read_oct(jwk: Mapping[str, object]) -> bytes:
    return _read_octets(jwk, "k")


def _read_rsa(jwk: Mapping[str, object]) -> PrivateKey | PublicKey:
    if "oth" in jwk:
        raise InvalidKey("the JWK has oth: RSA keys with more than two primes are not supported")
    public = rsa.RSAPublicNumbers(_read_integer(jwk, "e"), _read_integer(jwk, "n"))
    check_rsa(public)  # Check the size before any work on these numbers.
    if "d" not in jwk:
        return public.public_key()
    d = _read_integer(jwk, "d", most=public.n)
    if not jwk.keys() & {"p", "q", "dp", "dq", "qi"}:
        p, q = recover_primes(public.n, public.e, d)
        crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
        return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()
    p, q, dp, dq, qi = (_read_integer(jwk, name, most=public.n) for name in ("p", "q", "dp", "dq", "qi"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()


def _read_ec(jwk: Mapping[str, object]) -> PrivateKey | PublicKey:
    curve = CURVES[_read_kind(jwk, "crv", CURVES)]
    size = _compute_field_size(curve)
    x, y = (int.from_bytes(_read_octets(jwk, name, size)) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, curve)
    if "d" not in jwk:
        return public.public_key()
    return ec.EllipticCurvePrivateNumbers(int.from_bytes(_read_octets(jwk, "d", size)), public).private_key()


def _read_okp(jwk: Mapping[str, object]) -> PrivateKey | PublicKey:
    return _read_octet_kind(jwk, _read_kind(jwk, "crv", _OKP), public="x", private="d")


def _read_akp(jwk: Mapping[str, object]) -> PrivateKey | PublicKey:
    return _read_octet_kind(jwk, _read_kind(jwk, "alg", _AKP), public="pub", private="priv")


def _read_octet_kind(
    jwk: Mapping[str, object], kind: MaterialKind, *, public: str, private: str
) -> PrivateKey | PublicKey:
    halves = OCTET_KINDS[kind]
    public_key = halves.from_public(_read_octets(jwk, public))
    if private not in jwk:
        return public_key
    private_key = halves.from_private(_read_octets(jwk, private))
    if private_key.public_key() != public_key:
        raise InvalidKey(f"the JWK's {private} and {public} belong to different keys")
    return private_key


def _read_kind(jwk: Mapping[str, object], name: str, kinds: Collection[MaterialKind]) -> MaterialKind:
    for kind in kinds:
        if jwk.get(name) == kind:
            return kind
    raise InvalidKey(f"the JWK's {name} must be one of {', '.join(kinds)}, not {quote(jwk.get(name))}")


def _read_octets(jwk: Mapping[str, object], name: str, size: int | None = None) -> bytes:
    value = jwk.get(name)
    if value is None:
        raise InvalidKey(f"the JWK's {name} is missing")
    if not isinstance(value, str):
        raise InvalidKey(f"the JWK's {name} must be a string of base64url, not {type(value).__name__}")
    try:
        octets = base64url.decode(value)
    except MalformedToken:
        raise InvalidKey(f"the JWK's {name} is not base64url") from None
    if size is not None and len(octets) != size:  # RFC 7518 §6.2.1.2: the full size of a coordinate
        raise InvalidKey(f"the JWK's {name} must be {size} bytes long, not {len(octets)}")
    return octets


def _read_integer(jwk: Mapping[str, object], name: str, most: int | None = None) -> int:
    # Leading zero octets change nothing. RFC 7518 §2 forbids them, and Java's BigInteger writes them.
    number = int.from_bytes(_read_octets(jwk, name))
    if most is not None and number > most:
        raise InvalidKey(f"the JWK's {name} is larger than its modulus")
    return number


# -- writing -------------------------------------------------------------------------------------


def _to_public_members(kind: MaterialKind, public: PublicKey) -> dict[str, str]:
    match public:
        case rsa.RSAPublicKey():
            rsa_numbers = public.public_numbers()
            return {"kty": "RSA", "n": _encode_integer(rsa_numbers.n), "e": _encode_integer(rsa_numbers.e)}
        case ec.EllipticCurvePublicKey():
            ec_numbers, size = public.public_numbers(), _compute_field_size(public.curve)
            return {
                "kty": "EC",
                "crv": kind,
                "x": _encode_integer(ec_numbers.x, size),
                "y": _encode_integer(ec_numbers.y, size),
            }
    octets = base64url.encode(public.public_bytes_raw())
    if kind in _AKP:
        return {"kty": "AKP", "alg": kind, "pub": octets}
    return {"kty": "OKP", "crv": kind, "x": octets}


def _to_private_members(material: PrivateKey) -> dict[str, str]:
    match material:
        case rsa.RSAPrivateKey():
            numbers = material.private_numbers()
            crt = {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
            return {
                name: _encode_integer(value)
                for name, value in {"d": numbers.d, "p": numbers.p, "q": numbers.q, **crt}.items()
            }
        case ec.EllipticCurvePrivateKey():
            return {
                "d": _encode_integer(
                    material.private_numbers().private_value, _compute_field_size(material.curve)
                )
            }
    octets = base64url.encode(material.private_bytes_raw())
    return {"priv": octets} if identify_kind(material) in _AKP else {"d": octets}


def _encode_integer(value: int, size: int | None = None) -> str:
    return base64url.encode(value.to_bytes(size or (value.bit_length() + 7) // 8))


def _compute_field_size(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8
