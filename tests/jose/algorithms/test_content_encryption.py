from __future__ import annotations

import hmac
import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import DecryptionFailed
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS, ContentEncryption

BY_NAME = {row.name: row for row in CONTENT_ENCRYPTIONS}
ROWS = [pytest.param(row, id=row.name) for row in CONTENT_ENCRYPTIONS]

# RFC 7518, appendix B: the same key octets, vector, text and data with each of the three
PLAINTEXT = (
    b"A cipher system must not be required to be secret, and it must be able to fall into the hands of the "
    b"enemy without inconvenience"
)
DATA = b"The second principle of Auguste Kerckhoffs"
IV = bytes.fromhex("1af38c2dc2b96ffdd86694092341bc04")


@pytest.mark.parametrize(
    ("name", "key_size", "iv_size", "tag_size"),
    [
        ("A128CBC-HS256", 32, 16, 16),
        ("A192CBC-HS384", 48, 16, 24),
        ("A256CBC-HS512", 64, 16, 32),
        ("A128GCM", 16, 12, 16),
        ("A192GCM", 24, 12, 16),
        ("A256GCM", 32, 12, 16),
    ],
)
def test_the_lengths_are_those_of_rfc_7518(name: str, key_size: int, iv_size: int, tag_size: int) -> None:
    row = BY_NAME[name]
    assert (row.key_size, row.iv_size) == (key_size, iv_size)
    _, tag = row.encrypt(bytes(key_size), bytes(iv_size), b"", b"")
    assert len(tag) == tag_size


@pytest.mark.parametrize(
    ("row", "tag"),
    [
        pytest.param(CONTENT_ENCRYPTIONS[0], "652c3fa36b0a7c5b3219fab3a30bc1c4", id="B.1"),
        pytest.param(CONTENT_ENCRYPTIONS[1], "8490ac0e58949bfe51875d733f93ac2075168039ccc733d7", id="B.2"),
        pytest.param(
            CONTENT_ENCRYPTIONS[2],
            "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5",
            id="B.3",
        ),
    ],
)
def test_the_tags_of_rfc_7518_appendix_b_are_made_and_accepted(row: ContentEncryption, tag: str) -> None:
    key = bytes(range(row.key_size))
    ciphertext, made = row.encrypt(key, IV, PLAINTEXT, DATA)
    assert made.hex() == tag
    assert row.decrypt(key, IV, ciphertext, made, DATA) == PLAINTEXT


@pytest.mark.parametrize("row", ROWS)
@given(plaintext=st.binary(max_size=100), data=st.binary(max_size=50))
def test_what_is_encrypted_decrypts(row: ContentEncryption, plaintext: bytes, data: bytes) -> None:
    key, iv = os.urandom(row.key_size), os.urandom(row.iv_size)
    ciphertext, tag = row.encrypt(key, iv, plaintext, data)
    assert row.decrypt(key, iv, ciphertext, tag, data) == plaintext


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(
    ("part", "change"),
    [
        *((0, change) for change in ("flip-first", "flip-last")),  # keys come with the right length
        *itertools.product(range(1, 5), ("flip-first", "flip-last", "cut-first", "cut-last", "add", "empty")),
    ],
)
def test_any_change_of_anything_fails(row: ContentEncryption, part: int, change: str) -> None:
    # A fixed key: with another CBC key, 1 text in 256 has valid padding.
    key, iv, data = bytes(range(row.key_size)), bytes(range(row.iv_size)), b"data"
    ciphertext, tag = row.encrypt(key, iv, b"text of more than one block of AES", data)
    parts = [key, iv, ciphertext, tag, data]
    parts[part] = {
        "flip-first": bytes([parts[part][0] ^ 1]) + parts[part][1:],
        "flip-last": parts[part][:-1] + bytes([parts[part][-1] ^ 0x80]),
        "cut-first": parts[part][1:],
        "cut-last": parts[part][:-1],
        "add": parts[part] + b"\0",
        "empty": b"",
    }[change]
    with pytest.raises(DecryptionFailed) as caught:
        row.decrypt(*parts)
    assert str(caught.value) == DecryptionFailed.description


@pytest.mark.parametrize("row", ROWS[:3])
def test_the_two_halves_of_a_cbc_key_do_not_change_places(row: ContentEncryption) -> None:
    key, half = bytes(range(row.key_size)), row.key_size // 2
    ciphertext, tag = row.encrypt(key, IV, b"text", b"")
    with pytest.raises(DecryptionFailed):
        row.decrypt(key[half:] + key[:half], IV, ciphertext, tag, b"")


@pytest.mark.parametrize("row", ROWS[:3])
def test_data_and_vector_do_not_run_into_each_other(row: ContentEncryption) -> None:
    key = os.urandom(row.key_size)
    ciphertext, tag = row.encrypt(key, IV, b"text", b"data")
    with pytest.raises(DecryptionFailed):
        row.decrypt(key, b"data" + IV[:12], IV[12:] + ciphertext, tag, b"")
    with pytest.raises(DecryptionFailed):  # the length of the data is authenticated too
        row.decrypt(key, b"a" + IV[:-1], IV[-1:] + ciphertext, tag, b"dat")


@pytest.mark.parametrize("row", ROWS[:3])
@pytest.mark.parametrize("ciphertext", [b"", b"\0" * 15, b"\0" * 16, b"\0" * 17])
def test_bad_padding_that_is_authentic_fails_like_anything_else(
    row: ContentEncryption, ciphertext: bytes
) -> None:
    """The owner of a key can authenticate bytes that are not a ciphertext."""
    key = bytes(range(row.key_size))  # A random key would sometimes make valid padding from zeros.
    tag = authenticated(row, key, ciphertext)
    with pytest.raises(DecryptionFailed) as caught:
        row.decrypt(key, IV, ciphertext, tag, b"")
    assert str(caught.value) == DecryptionFailed.description


def authenticated(row: ContentEncryption, key: bytes, ciphertext: bytes) -> bytes:
    half, digest = row.key_size // 2, "sha" + row.name[-3:]
    return hmac.digest(key[:half], IV + ciphertext + bytes(8), digest)[:half]
