from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import BadSignature, InvalidKey
from watchword.jose import Key
from watchword.jose.algorithms.table import ALGORITHMS, Algorithm
from watchword.jose.material.kinds import generate

DATA = b"what is signed"
FIELD_SIZES = {"ES256": 32, "ES384": 48, "ES512": 66, "ES256K": 32}
SIGNING = [row for row in ALGORITHMS if row.scheme]


@pytest.fixture(scope="module", params=SIGNING, ids=lambda row: f"{row.name}-{row.kinds[0]}")
def signing(request: pytest.FixtureRequest, rsa: Key) -> Key:
    row: Algorithm = request.param
    return Key(row, rsa.material if row.kinds == ("RSA",) else generate(row.kinds[0], row.secret))


def test_a_signature_verifies(signing: Key) -> None:
    signing.verify(DATA, signing.sign(DATA))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda signature: bytes([signature[0] ^ 1]) + signature[1:], id="first-bit"),
        pytest.param(lambda signature: signature[:-1] + bytes([signature[-1] ^ 1]), id="last-bit"),
        pytest.param(lambda signature: signature[:-1], id="shorter"),
        pytest.param(lambda signature: signature + b"\0", id="longer"),
        pytest.param(lambda signature: b"\0" + signature, id="led-by-zero"),
        pytest.param(lambda signature: signature * 2, id="twice"),
        pytest.param(lambda signature: bytes(len(signature)), id="zeros"),
        pytest.param(lambda signature: b"", id="empty"),
    ],
)
def test_a_changed_signature_does_not_verify(signing: Key, change) -> None:
    with pytest.raises(BadSignature):
        signing.verify(DATA, change(signing.sign(DATA)))


@pytest.mark.parametrize("data", [b"", DATA + b".", DATA[:-1], DATA.upper()])
def test_a_signature_does_not_verify_other_data(signing: Key, data: bytes) -> None:
    with pytest.raises(BadSignature):
        signing.verify(data, signing.sign(DATA))


def test_a_signature_of_another_key_does_not_verify(signing: Key) -> None:
    row = signing.algorithm
    with pytest.raises(BadSignature):
        signing.verify(DATA, Key(row, generate(row.kinds[0], row.secret)).sign(DATA))


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


def test_an_rs256_signature_holds_the_hash_in_exactly_its_digest_info(rsa: Key) -> None:
    rs256 = Key(next(row for row in ALGORITHMS if row.name == "RS256"), rsa.material)
    digest = hashlib.sha256(DATA).digest()
    algorithm = "0609608648016503040201"  # DER: the object identifier of SHA-256 (RFC 8017 §B.1)
    right = bytes.fromhex("3031300d" + algorithm + "05000420") + digest
    wrong = (
        digest,
        bytes.fromhex("302f300b" + algorithm + "0420") + digest,  # no parameters where there has to be NULL
        bytes.fromhex("3031300d" + algorithm.replace("0201", "0203") + "05000420") + digest,  # says SHA-512
        bytes.fromhex("3081" + "31300d" + algorithm + "05000420") + digest,  # a length in two bytes
        right + b"\0",
        right[:-1],
    )
    rs256.verify(DATA, rsa.material.sign(right, PKCS1v15(), NoDigestInfo()))
    for other in wrong:
        with pytest.raises(BadSignature):
            rs256.verify(DATA, rsa.material.sign(other, PKCS1v15(), NoDigestInfo()))


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
