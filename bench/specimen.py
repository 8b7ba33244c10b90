"""What every contender is given: the same claims, the same keys, the same tokens."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["AUDIENCE", "EDDSA_KEY", "ISSUER", "SECRET", "SUBJECT", "TYPE", "claims", "token"]

ISSUER = "https://issuer.example"
AUDIENCE = "api"
SUBJECT = "user-1"
TYPE = "JWT"
# Text of 64 hexadecimal digits, as `secrets.token_hex()` makes it and Flask's manual shows it.
SECRET = "6d1f0c93b2a84e57" * 4
EDDSA_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def claims() -> dict[str, Any]:
    """Seven claims, good for an hour."""
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 3600,
        "jti": "3q2-7wAAAAAAAAAAAAAAAA",
        "scope": "read write",
    }


def token(alg: str) -> str:
    """A signed token, made without any of the libraries that are measured."""
    signed = b".".join(_encode(_json(part)) for part in ({"alg": alg, "typ": TYPE}, claims()))
    return (signed + b"." + _encode(_SIGN[alg](signed))).decode()


def _hs256(data: bytes) -> bytes:
    mac = hmac.HMAC(SECRET.encode(), hashes.SHA256())
    mac.update(data)
    return mac.finalize()


_SIGN = {"HS256": _hs256, "EdDSA": EDDSA_KEY.sign}


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
