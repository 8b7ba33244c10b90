from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import BadSignature, InvalidKey
from watchword.jose import Key
from watchword.jose.algorithms import ALGORITHMS
from watchword.jose.material import generate

DATA = b"what is signed"
FIELD_SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}
SIGNING = [row for row in ALGORITHMS if row.scheme]


def test_there_is_no_algorithm_that_nobody_should_use() -> None:
    names = {row.name for row in ALGORITHMS}
    assert names == {
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
        "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65",
        "ML-DSA-87",
        "dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW",
        "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512",
        "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW",
        "PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW",
    }  # fmt: skip


@pytest.mark.parametrize("row", SIGNING, ids=lambda row: f"{row.name}-{row.kinds[0]}")
def test_a_signature_verifies_and_a_changed_one_or_changed_data_does_not(row, rsa: Key) -> None:
    key = Key(row, rsa.material if row.kinds == ("RSA",) else generate(row.kinds[0], row.secret))
    signature = key.sign(DATA)
    key.verify(DATA, signature)
    changed = bytes([signature[0] ^ 1]) + signature[1:]
    for data, bad in [(DATA, changed), (DATA + b".", signature), (DATA, signature[:-1]), (DATA, b"")]:
        with pytest.raises(BadSignature):
            key.verify(data, bad)


@pytest.mark.parametrize("alg", FIELD_SIZES)
def test_an_ecdsa_signature_is_two_field_elements(alg: str) -> None:
    key, size = Key.generate(alg), FIELD_SIZES[alg]
    signature = key.sign(DATA)
    assert len(signature) == 2 * size
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    others = (
        encode_dss_signature(r, s),
        b"\0" + signature[:size] + b"\0" + signature[size:],
        signature[:size] + b"\0" + signature[size:],
        signature + b"\0",
        bytes(2 * size),
        bytes(size) + signature[size:],
        signature[:size] + bytes(size),
        b"\xff" * (2 * size),
    )
    for other in others:
        with pytest.raises(BadSignature):
            key.verify(DATA, other)


@pytest.mark.parametrize("hashes", ["HS256 HS384", "RS256 PS256", "RS256 RS512", "PS256 PS384"])
def test_algorithms_of_one_key_type_do_not_verify_each_other(hashes: str, rsa: Key) -> None:
    rows = {row.name: row for row in ALGORITHMS}
    first, second = (rows[name] for name in hashes.split())
    material = b"s" * 64 if first.kinds == ("oct",) else rsa.material
    with pytest.raises(BadSignature):
        Key(second, material).verify(DATA, Key(first, material).sign(DATA))


@given(st.binary(max_size=140))
def test_no_signature_makes_anything_but_bad_signature(signature: bytes) -> None:
    for key in (EC, EDWARDS, HMAC):
        with pytest.raises(BadSignature):
            key.verify(DATA, signature)


EC, EDWARDS, HMAC = Key.generate("ES512"), Key.generate("Ed448"), Key.generate("HS256")


def test_a_public_key_does_not_sign(any_key: Key) -> None:
    if isinstance(any_key.material, bytes):
        with pytest.raises(InvalidKey):
            any_key.public()
        return
    public = any_key.public()
    public.verify(DATA, any_key.sign(DATA))
    with pytest.raises(InvalidKey):
        public.sign(DATA)
