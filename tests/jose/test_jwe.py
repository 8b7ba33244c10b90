from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import (
    DecryptionFailed,
    InvalidKey,
    InvalidSettings,
    InvalidToken,
    MalformedToken,
    Unissuable,
    UnknownKey,
)
from watchword.jose import Key, KeySet, base64url, jwe, jws
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS
from watchword.jose.algorithms.table import ALGORITHMS

KEY = Key.from_secret(b"\x07" * 32, "dir", kid="k1")
Forge = Callable[..., str]
HEADER, ENCRYPTED_KEY, IV, CIPHERTEXT, TAG = range(5)
ROWS = {row.name: row for row in CONTENT_ENCRYPTIONS}
ALGS = [
    pytest.param(row.name, kind if len(row.kinds) > 1 else None, id=f"{row.name}-{kind}")
    for row in ALGORITHMS
    if row.management
    for kind in row.kinds
]


def changed(token: str, segment: int, change: Callable[[bytes], bytes]) -> str:
    parts = token.split(".")
    parts[segment] = base64url.encode(change(base64url.decode(parts[segment])))
    return ".".join(parts)


@pytest.fixture(scope="module")
def rsa() -> Key:
    return Key.generate("RSA-OAEP-256")


@pytest.fixture(scope="module")
def keys(rsa: Key) -> dict[str, Key]:
    """Return a key for each way to fail."""
    generated = {alg: Key.generate(alg) for alg in ("A128KW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A192KW")}
    return {"RSA-OAEP-256": rsa, **generated}


# -- what works ------------------------------------------------------------------------------------


@given(st.binary())
def test_what_is_encrypted_decrypts(plaintext: bytes) -> None:
    token = jwe.encrypt(plaintext, KEY, header={"cty": "x"})
    opened = jwe.decrypt(token, KeySet([Key.generate("dir"), KEY]))
    assert opened.plaintext == plaintext
    assert opened.header == {"alg": "dir", "enc": "A256GCM", "kid": "k1", "cty": "x"}
    assert opened.key is KEY
    assert (opened.unprotected, opened.aad) == ({}, b"")


@pytest.mark.parametrize("enc", ROWS)
@pytest.mark.parametrize(("alg", "crv"), ALGS)
def test_every_algorithm_goes_with_every_content_encryption(
    alg: str, crv: str | None, enc: str, rsa: Key
) -> None:
    if alg == "dir":
        key = Key.from_secret(os.urandom(ROWS[enc].key_size), alg)
    else:
        key = Key.from_pem(rsa.to_pem(private=True), alg) if alg[:3] == "RSA" else Key.generate(alg, crv=crv)
    public = key if isinstance(key.material, bytes) else key.public()
    opened = jwe.decrypt(jwe.encrypt(b"secret", public, enc), KeySet([key]), enc=enc)
    assert opened.plaintext == b"secret"
    assert (opened.header["alg"], opened.header["enc"], opened.header["kid"]) == (alg, enc, key.kid)


def test_the_same_plaintext_never_looks_the_same() -> None:
    assert jwe.encrypt(b"secret", KEY) != jwe.encrypt(b"secret", KEY)


def test_the_parties_of_an_agreement_stand_in_the_header_and_go_into_the_key() -> None:
    key = Key.generate("ECDH-ES")
    token = jwe.encrypt(b"secret", key, header={"apu": "QWxpY2U", "apv": "Qm9i"})
    assert jwe.decrypt(token, key).header["apu"] == "QWxpY2U"


def test_a_kid_among_the_header_stands_in_place_of_the_keys_own() -> None:
    assert jwe.decrypt(jwe.encrypt(b"secret", KEY, header={"kid": "inside"}), KEY).header["kid"] == "inside"


def test_neither_a_key_nor_the_plaintext_is_shown() -> None:
    assert "secret" not in repr(jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY))


def test_few_keys_are_tried_where_the_token_does_not_say_which(forged: Forge) -> None:
    keys = [Key.generate("A128KW") for _ in range(4)]
    token = forged(keys[-1], {})
    assert jwe.decrypt(token, KeySet(keys)).key is keys[-1]
    with pytest.raises(UnknownKey):
        jwe.decrypt(token, KeySet([*keys, Key.generate("A128KW")]))


def test_keys_of_several_curves_are_tried_for_one_algorithm(forged: Forge) -> None:
    keys = [Key.generate("ECDH-ES", crv=crv) for crv in ("P-256", "X25519", "P-521")]
    assert jwe.decrypt(forged(keys[1].public(), {}), KeySet(keys)).key is keys[1]


def test_critical_extensions_are_those_that_the_caller_handles() -> None:
    token = jwe.encrypt(b"secret", KEY, header={"crit": ["x"], "x": 1})
    assert jwe.decrypt(token, KEY, critical=["x"]).header["x"] == 1
    with pytest.raises(MalformedToken):
        jwe.decrypt(token, KEY)


@pytest.mark.parametrize("names", [None, "", "x", 0, ["alg"]])
def test_what_is_no_collection_of_extensions_is_an_error(names: Any) -> None:
    token = jwe.encrypt(b"secret", KEY)
    with pytest.raises(InvalidSettings):
        jwe.decrypt(token, KEY, critical=names)
    with pytest.raises(InvalidSettings):
        jwe.decrypt_json(jwe.encrypt_json(b"secret", [KEY]), KEY, critical=names)


# -- what fails, and how ---------------------------------------------------------------------------


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
@pytest.mark.parametrize("enc", ["A256GCM", "A128CBC-HS256"])
def test_every_failure_looks_the_same(segment: int, change: Callable[[bytes], bytes], enc: str) -> None:
    assert_it_fails(changed(jwe.encrypt(b"secret", KEY, enc), segment, change), KEY)


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "A128KW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A192KW"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda part: bytes([part[0] ^ 1]) + part[1:] if part else b"\0" * 40, id="changed"),
        pytest.param(lambda part: part[:-1] or b"\0", id="shorter"),
        pytest.param(lambda part: part + b"\0", id="longer"),
        pytest.param(lambda part: bytes(3_000), id="very-long"),
    ],
)
def test_a_failure_with_the_encrypted_key_looks_like_any_other(
    keys: dict[str, Key], alg: str, change: Callable[[bytes], bytes]
) -> None:
    assert_it_fails(changed(jwe.encrypt(b"secret", keys[alg]), ENCRYPTED_KEY, change), keys[alg])


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "A128KW", "A256GCMKW", "ECDH-ES+A192KW"])
def test_a_missing_encrypted_key_looks_like_any_other_failure(keys: dict[str, Key], alg: str) -> None:
    assert_it_fails(changed(jwe.encrypt(b"secret", keys[alg]), ENCRYPTED_KEY, lambda part: b""), keys[alg])


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "A128KW", "A256GCMKW", "ECDH-ES+A192KW"])
@pytest.mark.parametrize("size", [16, 24, 48, 64])
def test_a_content_key_of_another_length_looks_like_any_other_failure(
    keys: dict[str, Key], alg: str, size: int
) -> None:
    key, header = keys[alg], {"alg": alg, "enc": "A256GCM"}
    public = key.material if isinstance(key.material, bytes) else key.public().material
    encrypted_key, members = key.algorithm.management.wrap(public, header, bytes(size))  # type: ignore[union-attr]
    header64 = base64url.encode_bytes(msgspec.json.encode(header | members))
    usable = bytes(size)[:32] if size in (16, 24) else bytes(32)  # what a careless reader would go on with
    sealed = ROWS["A256GCM"].encrypt(usable, bytes(12), b"secret", header64)
    segments = map(base64url.encode, (encrypted_key, bytes(12), *sealed))
    assert_it_fails(".".join([header64.decode(), *segments]), key)


def test_another_key_fails_like_anything_else(keys: dict[str, Key]) -> None:
    assert_it_fails(jwe.encrypt(b"secret", KEY), Key.generate("dir"))
    assert_it_fails(jwe.encrypt(b"secret", KEY), Key.from_secret(b"s" * 48, "dir"))
    for alg, key in keys.items():
        assert_it_fails(jwe.encrypt(b"secret", key), Key.generate(alg))


def test_a_point_of_low_order_fails_like_anything_else() -> None:
    key = Key.generate("ECDH-ES", crv="X25519")
    epk = {"kty": "OKP", "crv": "X25519", "x": base64url.encode(bytes(32))}
    header64 = base64url.encode_bytes(msgspec.json.encode({"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk}))
    assert_it_fails(header64.decode() + ".." + jwe.encrypt(b"secret", KEY).split(".", 2)[2], key)


def assert_it_fails(token: str, key: Key) -> None:
    with pytest.raises(DecryptionFailed) as caught:
        jwe.decrypt(token, key)
    error = caught.value
    assert type(error) is DecryptionFailed
    assert (error.args, error.__cause__, error.__context__) == ((DecryptionFailed.description,), None, None)


def test_a_tag_moved_into_the_ciphertext_is_not_taken() -> None:
    header, key, iv, ciphertext, tag = jwe.encrypt(b"secret", KEY).split(".")
    joined = base64url.encode(base64url.decode(ciphertext) + base64url.decode(tag))
    assert_it_fails(f"{header}.{key}.{iv}.{joined}.", KEY)


# -- what is not even tried ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"enc": "A256CTR"},
        {"enc": "a256gcm"},
        {"enc": None},
        {"enc": ["A256GCM"]},
        {"enc": "dir"},
        {"zip": "DEF"},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
        {"crit": []},
        {"crit": ["enc"]},
        {"crit": ["x"]},
        {"kid": 5},
        {"cty": None},
    ],
)
def test_other_ways_to_encrypt_are_malformed(forged: Forge, header: dict[str, Any]) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(forged(KEY, header), KEY)


@pytest.mark.parametrize("alg", ["RSA1_5", "none", "DIR", "A256GCM", ""])
def test_an_algorithm_that_is_not_the_keys_is_not_tried(forged: Forge, alg: str) -> None:
    with pytest.raises(UnknownKey):
        jwe.decrypt(forged(KEY, {"alg": alg}), KEY)


@pytest.mark.parametrize(
    "epk", [None, {}, "x", {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "oct", "k": "AA"}]
)
def test_an_epk_that_is_no_public_key_is_malformed(forged: Forge, keys: dict[str, Key], epk: object) -> None:
    for alg in ("ECDH-ES", "ECDH-ES+A192KW"):
        with pytest.raises(MalformedToken):
            jwe.decrypt(forged(keys[alg].public(), {"epk": epk}), keys[alg])


def test_a_signed_token_is_not_decrypted() -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(jws.sign(b"payload", Key.generate("HS256")), KEY)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda token: token + ".", id="one-segment-more"),
        pytest.param(lambda token: token.rpartition(".")[0], id="no-tag"),
        pytest.param(lambda token: token.replace("..", ".", 1), id="no-encrypted-key"),
        pytest.param(lambda token: token.partition(".")[2], id="no-header"),
        pytest.param(lambda token: token + "==", id="padding"),
        pytest.param(lambda token: token + "\n", id="newline"),
        pytest.param(lambda token: token[:-1] + chr(ord(token[-1]) + 1), id="bits-left-over"),
        pytest.param(lambda token: token.encode(), id="bytes"),
        pytest.param(lambda _: None, id="nothing"),
    ],
)
def test_only_five_segments_in_their_one_spelling_are_decrypted(change: Callable[[str], Any]) -> None:
    token = jwe.encrypt(b"secret", KEY)
    with pytest.raises(MalformedToken):
        jwe.decrypt(change(token), KEY)


@given(
    st.text() | st.lists(st.binary(max_size=20).map(base64url.encode), min_size=5, max_size=5).map(".".join)
)
def test_garbage_is_malformed(token: str) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(token, KEY)


TOKENS = [
    (key, jwe.encrypt(b"some text", key, enc))
    for key in (KEY, Key.generate("A128GCMKW"), Key.generate("ECDH-ES", crv="X25519"))
    for enc in ("A256GCM", "A128CBC-HS256")
]


@given(st.sampled_from(TOKENS), st.data())
def test_a_token_with_any_change_is_refused_with_an_error_of_ours(made: tuple[Key, str], data: Any) -> None:
    key, token = made
    start = data.draw(st.integers(0, len(token)))
    stop = data.draw(st.integers(start, min(start + 4, len(token))))
    mutant = token[:start] + data.draw(st.text(max_size=4)) + token[stop:]
    if mutant != token:
        with pytest.raises(InvalidToken):
            jwe.decrypt(mutant, key, max_decompressed=1_000)


# -- keys and headers ------------------------------------------------------------------------------


def test_only_keys_for_it_encrypt_and_decrypt(rsa: Key) -> None:
    with pytest.raises(InvalidKey):
        jwe.encrypt(b"secret", Key.generate("HS256"))
    with pytest.raises(InvalidKey):
        jwe.encrypt(b"secret", KEY, enc="A128GCM")
    with pytest.raises(InvalidKey):
        jwe.encrypt(b"secret", Key.from_secret(b"s" * 48, "dir"))
    with pytest.raises(UnknownKey):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), Key.generate("HS256"))
    with pytest.raises(UnknownKey):
        jwe.decrypt(jwe.encrypt(b"secret", rsa), rsa.public())


@pytest.mark.parametrize(
    ("alg", "may_decrypt"), [("dir", "decrypt"), ("A128KW", "unwrapKey"), ("ECDH-ES", "deriveKey")]
)
@pytest.mark.parametrize(
    "said", [{"use": "sig"}, {"key_ops": ["encrypt"]}, {"key_ops": ["wrapKey"]}, {"key_ops": ["other"]}]
)
def test_use_and_key_ops_are_enforced_for_a_key_alone_and_in_a_set(
    alg: str, may_decrypt: str, said: dict[str, Any]
) -> None:
    key = Key.generate(alg)
    token, members = jwe.encrypt(b"secret", key), key.to_jwk(private=True)
    allowed = Key.from_jwk({**members, "use": "enc", "key_ops": [may_decrypt]})
    assert jwe.decrypt(token, allowed).plaintext == b"secret"
    other = Key.from_jwk({**members, **said})
    for keys in (other, KeySet([other])):
        with pytest.raises(UnknownKey):
            jwe.decrypt(token, keys)
    if "use" in said or said["key_ops"] == ["other"]:
        with pytest.raises(InvalidKey):
            jwe.encrypt(b"secret", other)


@pytest.mark.parametrize("enc", ["A256", "a256gcm", "", None, 5, ["A256GCM"]])
def test_nothing_is_encrypted_in_a_way_that_does_not_exist(enc: Any) -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt(b"secret", KEY, enc)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"enc": "none"},
        {"kid": 5},
        {"crit": ["x"]},
        {"b64": False, "crit": ["b64"]},
        {"x": object()},
        [("x", 1)],
        "x",
    ],
)
def test_a_header_overrides_neither_algorithm_and_can_be_read(header: Any) -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt(b"secret", KEY, header=header)


@pytest.mark.parametrize(
    ("alg", "header"),
    [
        ("A128GCMKW", {"iv": "AAAAAAAAAAAAAAAA"}),
        ("A128GCMKW", {"tag": "AAAAAAAAAAAAAAAAAAAAAA"}),
        ("ECDH-ES", {"epk": {}}),
        ("ECDH-ES+A128KW", {"apu": "not base64url"}),
        ("PBES2-HS256+A128KW", {"p2c": 1_000}),
        ("PBES2-HS256+A128KW", {"p2s": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ],
)
def test_a_header_does_not_override_what_the_key_is_brought_with(alg: str, header: dict[str, Any]) -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt(b"secret", Key.generate(alg), header=header)


@pytest.mark.parametrize("enc", [row.name for row in CONTENT_ENCRYPTIONS])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_plaintext_may_be_like_bytes(kind: Any, enc: str) -> None:
    shared = Key.generate("A256KW")
    assert jwe.decrypt(jwe.encrypt(kind(b"secret"), shared, enc), shared).plaintext == b"secret"
    token = jwe.encrypt_json(kind(b"secret"), [shared], enc, aad=kind(b"beside"))
    assert jwe.decrypt_json(token, shared)[::4] == (b"secret", b"beside")
