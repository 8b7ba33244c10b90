from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from watchword.jose import Key, base64url
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS
from watchword.jose.algorithms.key_management import KeyAgreement
from watchword.jose.algorithms.table import choose_algorithm
from watchword.jose.material.kinds import generate

ONE_KEY_EACH = (
    "HS256", "HS384", "HS512", "RS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448",
    "ML-DSA-44",
)  # fmt: skip
KINDS = (
    "oct", "RSA", "P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "X448",
    "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
)  # fmt: skip
ALGORITHM_OF = {"oct": "HS256", "RSA": "RS256", "X25519": "ECDH-ES", "X448": "ECDH-ES+A128KW"}


@pytest.fixture(scope="session")
def rsa() -> Key:
    return Key.generate("RS256")


@pytest.fixture(scope="session", params=ONE_KEY_EACH)
def any_key(request: pytest.FixtureRequest, rsa: Key) -> Key:
    return rsa if request.param == "RS256" else Key.generate(request.param)


@pytest.fixture(scope="session", params=KINDS)
def key_of_each_kind(request: pytest.FixtureRequest, rsa: Key) -> Key:
    if request.param == "RSA":
        return rsa
    alg = ALGORITHM_OF.get(request.param)
    return Key(choose_algorithm(alg, request.param), generate(request.param, 32))


@pytest.fixture(scope="session")
def forged() -> Callable[..., str]:
    return forge


def forge(key: Key, header: dict[str, Any], plaintext: bytes = b"secret", enc: str = "A256GCM") -> str:
    """Make a JWE with any header, encrypted correctly."""
    [row] = [row for row in CONTENT_ENCRYPTIONS if row.name == enc]
    management = key.algorithm.management
    stated = {"alg": key.alg, "enc": enc, **header}
    if isinstance(management, KeyAgreement):
        content_key, members = management.offer(key.material, stated, row.key_size)
        encrypted_key = b""
    else:
        content_key = os.urandom(row.key_size)
        encrypted_key, members = management.wrap(key.material, stated, content_key)  # type: ignore[union-attr]
    header64 = base64url.encode_bytes(msgspec.json.encode(members | stated))
    iv = os.urandom(row.iv_size)
    sealed = row.encrypt(content_key, iv, plaintext, header64)
    return ".".join([header64.decode(), *map(base64url.encode, (encrypted_key, iv, *sealed))])
