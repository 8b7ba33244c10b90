from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import DecryptionFailed, InvalidKey, MalformedToken, Unissuable, UnknownKey
from watchword.jose import Key, KeySet, base64url, jwe, jws

KEY = Key.from_secret(b"\x07" * 32, "dir", kid="k1")
HEADER, ENCRYPTED_KEY, IV, CIPHERTEXT, TAG = range(5)


def changed(token: str, segment: int, change: Callable[[bytes], bytes]) -> str:
    parts = token.split(".")
    parts[segment] = base64url.encode(change(base64url.decode(parts[segment])))
    return ".".join(parts)


@given(st.binary())
def test_what_is_encrypted_decrypts(plaintext: bytes) -> None:
    token = jwe.encrypt(plaintext, KEY, header={"cty": "x"})
    opened = jwe.decrypt(token, KeySet([Key.generate("dir"), KEY]))
    assert opened.plaintext == plaintext
    assert opened.header == {"alg": "dir", "enc": "A256GCM", "kid": "k1", "cty": "x"}
    assert opened.key is KEY


def test_the_same_plaintext_never_looks_the_same() -> None:
    assert jwe.encrypt(b"secret", KEY) != jwe.encrypt(b"secret", KEY)


def test_a_kid_among_the_header_stands_in_place_of_the_keys_own() -> None:
    assert jwe.decrypt(jwe.encrypt(b"secret", KEY, header={"kid": "inside"}), KEY).header["kid"] == "inside"


def test_neither_a_key_nor_the_plaintext_is_shown() -> None:
    assert "secret" not in repr(jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY))


@pytest.mark.parametrize(
    ("segment", "change"),
    [
        pytest.param(HEADER, lambda part: part.replace(b"k1", b"k2"), id="header"),
        pytest.param(ENCRYPTED_KEY, lambda part: b"\0", id="encrypted-key-not-empty"),
        pytest.param(IV, lambda part: bytes([part[0] ^ 1]) + part[1:], id="iv"),
        pytest.param(IV, lambda part: part[:-1], id="iv-too-short"),
        pytest.param(IV, lambda part: part + b"\0", id="iv-too-long"),
        pytest.param(IV, lambda part: b"", id="iv-missing"),
        pytest.param(CIPHERTEXT, lambda part: bytes([part[0] ^ 1]) + part[1:], id="ciphertext"),
        pytest.param(CIPHERTEXT, lambda part: b"", id="ciphertext-missing"),
        pytest.param(TAG, lambda part: bytes([part[0] ^ 1]) + part[1:], id="tag"),
        pytest.param(TAG, lambda part: part[:-4], id="tag-too-short"),
        pytest.param(TAG, lambda part: part + b"\0", id="tag-too-long"),
        pytest.param(TAG, lambda part: b"", id="tag-missing"),
    ],
)
def test_every_failure_looks_the_same(segment: int, change: Callable[[bytes], bytes]) -> None:
    token = changed(jwe.encrypt(b"secret", KEY), segment, change)
    with pytest.raises(DecryptionFailed) as caught:
        jwe.decrypt(token, KEY)
    assert str(caught.value) == DecryptionFailed.description


def test_another_key_does_not_decrypt() -> None:
    with pytest.raises(DecryptionFailed):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), Key.generate("dir"))


def test_a_key_of_another_length_fails_like_any_other() -> None:
    with pytest.raises(DecryptionFailed):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), Key.from_secret(b"s" * 48, "dir"))


def test_a_tag_moved_into_the_ciphertext_is_not_taken() -> None:
    header, key, iv, ciphertext, tag = jwe.encrypt(b"secret", KEY).split(".")
    joined = base64url.encode(base64url.decode(ciphertext) + base64url.decode(tag))
    with pytest.raises(DecryptionFailed):
        jwe.decrypt(f"{header}.{key}.{iv}.{joined}.", KEY)


@pytest.mark.parametrize("members", [{"enc": "A256CTR"}, {"enc": None}, {"enc": "A256GCM", "zip": "DEF"}])
def test_other_ways_to_encrypt_are_malformed(members: dict[str, Any]) -> None:
    header = base64url.encode(msgspec.json.encode({"alg": "dir", **members}))
    with pytest.raises(MalformedToken):
        jwe.decrypt(header + "." + jwe.encrypt(b"secret", KEY).partition(".")[2], KEY)


def test_a_signed_token_is_not_decrypted() -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(jws.sign(b"payload", Key.generate("HS256")), KEY)


def test_only_keys_for_it_encrypt_and_decrypt() -> None:
    with pytest.raises(InvalidKey):
        jwe.encrypt(b"secret", Key.generate("HS256"))
    with pytest.raises(InvalidKey):
        jwe.encrypt(b"secret", KEY, enc="A128GCM")
    with pytest.raises(InvalidKey):
        jwe.encrypt(b"secret", Key.from_secret(b"s" * 48, "dir"))
    with pytest.raises(UnknownKey):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), Key.generate("HS256"))
    for use in ({"use": "sig"}, {"key_ops": ["encrypt"]}):
        with pytest.raises(UnknownKey):
            jwe.decrypt(jwe.encrypt(b"secret", KEY), Key.from_jwk({**KEY.to_jwk(private=True), **use}))


@pytest.mark.parametrize("header", [{"alg": "none"}, {"enc": "none"}, {"kid": 5}, {"crit": ["x"]}])
def test_a_header_overrides_neither_algorithm(header: dict[str, Any]) -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt(b"secret", KEY, header=header)


@given(
    st.text() | st.lists(st.binary(max_size=20).map(base64url.encode), min_size=5, max_size=5).map(".".join)
)
def test_garbage_is_malformed(token: str) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(token, KEY)
