"""What every contender is given: the same claims, the same keys, the same tokens."""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

__all__ = [
    "AUDIENCE",
    "BATCH",
    "ISSUER",
    "SECRET",
    "SUBJECT",
    "TYPE",
    "claims",
    "fresh_claims",
    "permitted_claims",
    "private_key",
    "private_pem",
    "public_pem",
    "sized_claims",
    "token",
]

ISSUER = "https://issuer.example"
AUDIENCE = "api"
SUBJECT = "user-1"
TYPE = "JWT"
BATCH = 16_384  # tokens: threads are under way long before the last
# Text of 64 hexadecimal digits, as `secrets.token_hex()` makes it and Flask's manual shows it.
SECRET = "6d1f0c93b2a84e57" * 4


def claims() -> dict[str, Any]:
    """Seven claims, good for an hour."""
    return fresh_claims(SUBJECT, "3q2-7wAAAAAAAAAAAAAAAA", lifetime=3600)


def fresh_claims(subject: str, jti: str, *, lifetime: int = 900) -> dict[str, Any]:
    """Seven claims from now on; lifetime in seconds."""
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": subject,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
        "jti": jti,
        "scope": "read write",
    }


def permitted_claims(count: int) -> dict[str, Any]:
    """Seven claims and so many permissions."""
    return {**claims(), "permissions": [f"documents:{number:04}" for number in range(count)]}


def sized_claims(length: int) -> dict[str, Any]:
    """With so many permissions that a token of HS256 comes to that many characters, or just under."""
    empty, full = (len(token("HS256", permitted_claims(count))) for count in (0, 100))
    return permitted_claims((length - empty) * 100 // (full - empty))


def token(alg: str, content: Mapping[str, Any] | None = None, **header: str) -> str:
    """A signed token, made without any of the libraries that are measured."""
    parts = ({"alg": alg, "typ": TYPE, **header}, content or claims())
    signed = b".".join(_encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return (signed + b"." + _encode(_signature(alg, signed))).decode()


@functools.cache
def private_key(alg: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    """The process's own RSA key, as all of a size cost the same; the others are the same everywhere."""
    match alg:
        case "RS256":
            return rsa.generate_private_key(65537, 2048)
        case "ES256":
            return ec.derive_private_key(int.from_bytes(bytes(range(1, 33))), ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def private_pem(alg: str) -> bytes:
    return private_key(alg).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(alg: str) -> bytes:
    return private_key(alg).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _signature(alg: str, data: bytes) -> bytes:
    if alg == "HS256":
        mac = hmac.HMAC(SECRET.encode(), hashes.SHA256())
        mac.update(data)
        return mac.finalize()
    match private_key(alg):
        case rsa.RSAPrivateKey() as key:
            return key.sign(data, PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey() as key:
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        case ed25519.Ed25519PrivateKey() as key:
            return key.sign(data)


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
