from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from watchword.errors import DecryptionFailed, InvalidKey, MalformedToken, WeakKey
from watchword.jose import Key, base64url
from watchword.jose.algorithms.key_management import KeyAgreement, KeyWrapping
from watchword.jose.algorithms.table import ALGORITHMS

ROWS = {row.name: row for row in ALGORITHMS if row.management}
WRAPPING = [name for name, row in ROWS.items() if isinstance(row.management, KeyWrapping)]
CONTENT_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def rsa_pem() -> str:
    return Key.generate("RSA-OAEP").to_pem(private=True)


@pytest.fixture(params=WRAPPING)
def wrapping(request: pytest.FixtureRequest, rsa_pem: str) -> tuple[Key, KeyWrapping]:
    alg = request.param
    key = Key.from_pem(rsa_pem, alg) if alg.startswith("RSA") else Key.generate(alg)
    management = ROWS[alg].management
    assert isinstance(management, KeyWrapping)
    return key, management


def halves(key: Key) -> tuple[Any, Any]:
    return (key.material, key.material if isinstance(key.material, bytes) else key.public().material)


def test_rsa1_5_does_not_exist() -> None:
    assert "RSA1_5" not in ROWS
    with pytest.raises(InvalidKey):
        Key.generate("RSA1_5")


def test_only_dir_and_ecdh_es_make_the_content_key_follow_from_the_key() -> None:
    assert {name for name, row in ROWS.items() if isinstance(row.management, KeyAgreement)} == {
        "dir",
        "ECDH-ES",
    }


def test_a_wrapped_key_comes_out_again(wrapping: tuple[Key, KeyWrapping]) -> None:
    key, management = wrapping
    private, public = halves(key)
    header = {"alg": key.alg}
    encrypted_key, members = management.wrap(public, header, CONTENT_KEY)
    assert management.unwrap(private, header | members, encrypted_key) == CONTENT_KEY
    assert CONTENT_KEY not in encrypted_key


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:-1], id="shorter"),
        pytest.param(lambda data: data[:-8], id="a-block-shorter"),
        pytest.param(lambda data: data + b"\0", id="longer"),
        pytest.param(lambda data: data + bytes(8), id="a-block-longer"),
        pytest.param(lambda data: bytes([data[0] ^ 1]) + data[1:], id="first-bit"),
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="last-bit"),
        pytest.param(lambda data: bytes(len(data)), id="zeros"),
        pytest.param(lambda data: b"\xff" * len(data), id="ones"),
        pytest.param(lambda data: b"\xff" * 2_048, id="long"),
    ],
)
def test_a_changed_encrypted_key_fails_and_says_nothing(
    wrapping: tuple[Key, KeyWrapping], change: Callable[[bytes], bytes]
) -> None:
    key, management = wrapping
    private, public = halves(key)
    encrypted_key, members = management.wrap(public, {"alg": key.alg}, CONTENT_KEY)
    with pytest.raises(DecryptionFailed) as caught:
        management.unwrap(private, {"alg": key.alg} | members, change(encrypted_key))
    assert str(caught.value) == DecryptionFailed.description


def test_another_key_does_not_unwrap(wrapping: tuple[Key, KeyWrapping]) -> None:
    key, management = wrapping
    encrypted_key, members = management.wrap(halves(key)[1], {"alg": key.alg}, CONTENT_KEY)
    other = Key.generate(key.alg)
    with pytest.raises(DecryptionFailed):
        management.unwrap(other.material, {"alg": key.alg} | members, encrypted_key)


@pytest.mark.parametrize(
    ("alg", "length"),
    [("A128KW", 16), ("A192KW", 24), ("A256KW", 32), ("A128GCMKW", 16), ("A192GCMKW", 24), ("A256GCMKW", 32)],
)
def test_a_wrapping_key_has_exactly_its_length(alg: str, length: int) -> None:
    Key.from_secret(b"k" * length, alg)
    for other in {16, 24, 32, 0, length - 1, length + 1} - {length}:
        with pytest.raises(InvalidKey):
            Key.from_secret(b"k" * other, alg)


@pytest.mark.parametrize("length", [0, 8, 15, 17, 31, 33, 65])
def test_a_dir_key_fits_some_content_encryption(length: int) -> None:
    with pytest.raises(InvalidKey):
        Key.from_secret(b"k" * length, "dir")


@pytest.mark.parametrize(
    ("alg", "least"), [("PBES2-HS256+A128KW", 16), ("PBES2-HS384+A192KW", 24), ("PBES2-HS512+A256KW", 32)]
)
def test_a_password_is_as_long_as_rfc_7518_section_8_8_says(alg: str, least: int) -> None:
    Key.from_secret("p" * least, alg)
    with pytest.raises(WeakKey):
        Key.from_secret("p" * (least - 1), alg)


# -- GCM -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"iv": "AAAA"}, DecryptionFailed),
        ({"iv": ""}, DecryptionFailed),
        ({"iv": "AAAAAAAAAAAAAAAA"}, DecryptionFailed),
        ({"tag": "AAAA"}, DecryptionFailed),
        ({"tag": ""}, DecryptionFailed),
        ({"tag": "AAAAAAAAAAAAAAAAAAAAAA"}, DecryptionFailed),
        ({"iv": None}, MalformedToken),
        ({"iv": 5}, MalformedToken),
        ({"iv": "AAAAAAAAAAAAAAA="}, MalformedToken),
        ({"tag": None}, MalformedToken),
        ({"tag": ["AAAA"]}, MalformedToken),
        ({"tag": "AAAAAAAAAAAAAAAAAAAAAB"}, MalformedToken),
    ],
)
def test_iv_and_tag_of_a_gcm_wrapped_key_are_whole(members: dict[str, Any], error: type[Exception]) -> None:
    management = ROWS["A128GCMKW"].management
    assert isinstance(management, KeyWrapping)
    encrypted_key, made = management.wrap(b"k" * 16, {}, CONTENT_KEY)
    with pytest.raises(error):
        management.unwrap(b"k" * 16, made | members, encrypted_key)


def test_a_tag_is_not_shortened_into_the_encrypted_key() -> None:
    management = ROWS["A128GCMKW"].management
    assert isinstance(management, KeyWrapping)
    encrypted_key, made = management.wrap(b"k" * 16, {}, CONTENT_KEY)
    tag = base64url.decode(made["tag"])
    with pytest.raises(DecryptionFailed):
        management.unwrap(b"k" * 16, made | {"tag": base64url.encode(tag[4:])}, encrypted_key + tag[:4])


# -- RSA -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "padding", [PKCS1v15(), OAEP(MGF1(SHA1()), SHA256(), None), OAEP(MGF1(SHA256()), SHA1(), None)]
)
def test_other_paddings_fail(rsa_pem: str, padding: Any) -> None:
    for alg in ("RSA-OAEP", "RSA-OAEP-256"):
        key, management = Key.from_pem(rsa_pem, alg), ROWS[alg].management
        assert isinstance(management, KeyWrapping)
        encrypted_key = halves(key)[1].encrypt(CONTENT_KEY, padding)
        with pytest.raises(DecryptionFailed):
            management.unwrap(key.material, {}, encrypted_key)


def test_a_label_fails(rsa_pem: str) -> None:
    key, management = Key.from_pem(rsa_pem, "RSA-OAEP-256"), ROWS["RSA-OAEP-256"].management
    assert isinstance(management, KeyWrapping)
    encrypted_key = halves(key)[1].encrypt(CONTENT_KEY, OAEP(MGF1(SHA256()), SHA256(), b"label"))
    with pytest.raises(DecryptionFailed):
        management.unwrap(key.material, {}, encrypted_key)


# -- PBES2 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alg", "count"),
    [("PBES2-HS256+A128KW", 600_000), ("PBES2-HS384+A192KW", 220_000), ("PBES2-HS512+A256KW", 220_000)],
)
def test_a_password_is_stretched_as_often_as_owasp_says_with_a_salt_of_its_own(alg: str, count: int) -> None:
    management = ROWS[alg].management
    assert isinstance(management, KeyWrapping)
    (_, one), (_, other) = (management.wrap(b"p" * 32, {"alg": alg}, CONTENT_KEY) for _ in range(2))
    assert one["p2c"] == count
    assert len(base64url.decode(one["p2s"])) == 16
    assert one["p2s"] != other["p2s"]


@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize(
    ("alg", "digest"), [(alg, f"sha{alg[8:11]}") for alg in ROWS if alg.startswith("PBES2")]
)
def test_the_wrapping_key_is_derived_with_the_algorithm_in_the_salt(alg: str, digest: str, size: int) -> None:
    """RFC 7518 §4.8.1.1, by another implementation of PBKDF2."""
    password, salt = b"p" * 32, b"s" * size
    wrapping_key = hashlib.pbkdf2_hmac(
        digest, password, alg.encode() + b"\0" + salt, 1000, int(alg[13:16]) // 8
    )
    members = {"alg": alg, "p2c": 1000, "p2s": base64url.encode(salt)}
    encrypted_key = aes_key_wrap(wrapping_key, CONTENT_KEY)
    assert ROWS[alg].management.unwrap(password, members, encrypted_key) == CONTENT_KEY


@pytest.mark.parametrize("salt", [None, 5, "", base64url.encode(b"seven b"), "AAAAAAAAAAA="])
def test_a_salt_of_less_than_eight_bytes_is_malformed(salt: object) -> None:
    management = ROWS["PBES2-HS256+A128KW"].management
    assert isinstance(management, KeyWrapping)
    with pytest.raises(MalformedToken):
        management.unwrap(b"p" * 32, {"alg": "PBES2-HS256+A128KW", "p2c": 1000, "p2s": salt}, bytes(40))
