from __future__ import annotations

import sys
import tracemalloc
import zlib
from collections.abc import Callable, Collection
from typing import Any

import msgspec
import pytest

from watchword.errors import DecryptionFailed, InvalidSettings, MalformedToken
from watchword.jose import Key, base64url, jwe
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS, decrypt_gcm
from watchword.jose.algorithms.key_management import AES_WRAPPING, HeaderMembers
from watchword.jose.decryption import DecryptionAttempt, decrypt_with_first
from watchword.jose.encryption import EncryptedContent

KEY = Key.from_secret(b"\x07" * 32, "dir", kid="k1")
PASSWORD = Key.from_secret("sixteen letters.", "PBES2-HS256+A128KW")
SHARED = Key.generate("A256KW")
ROWS = {row.name: row for row in CONTENT_ENCRYPTIONS}
Forge = Callable[..., str]


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


# -- what failures cost ----------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["A128KW", "A256GCMKW", "ECDH-ES+A128KW", "RSA-OAEP"])
@pytest.mark.parametrize("broken", [bytes(40), b"", bytes(256)], ids=["zeros", "nothing", "many-zeros"])
def test_where_unwrapping_fails_the_content_is_decrypted_with_a_new_random_key(
    alg: str, broken: bytes
) -> None:
    """The time it takes does not tell which step failed (RFC 7516 §11.5)."""
    tried: list[bytes] = []

    def decrypt(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, data: bytes) -> bytes:
        tried.append(key)
        return decrypt_gcm(key, iv, ciphertext, tag, data)

    key = Key.generate(alg)
    header = jwe.decrypt(jwe.encrypt(b"secret", key), key).header
    recording = ROWS["A256GCM"]._replace(decrypt=decrypt)
    for _ in range(2):
        with pytest.raises(DecryptionFailed):
            decrypt_with_first(
                EncryptedContent(b"", bytes(12), b"", bytes(16)),
                recording,
                [DecryptionAttempt(key, header, broken)],
            )
    assert [len(key) for key in tried] == [32, 32]
    assert tried[0] != tried[1]


def test_an_encrypted_key_that_no_algorithm_makes_is_not_even_tried() -> None:
    unwrapped: list[int] = []

    def unwrap(secret: bytes, header: HeaderMembers, encrypted_key: bytes) -> bytes:
        unwrapped.append(len(encrypted_key))
        raise DecryptionFailed

    made = Key.generate("A128KW")
    wrapping = AES_WRAPPING._replace(unwrap=unwrap)
    key = Key(made.algorithm._replace(management=wrapping), made.material)
    for length in (2_048, 2_049, 700_000):  # the longest key of RSA has 16,384 bits
        with pytest.raises(DecryptionFailed):
            decrypt_with_first(
                EncryptedContent(b"", bytes(12), b"", bytes(16)),
                ROWS["A256GCM"],
                [DecryptionAttempt(key, {"alg": "A128KW"}, bytes(length))],
            )
    assert unwrapped == [2_048]


# -- which content encryptions ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "enc", ["A256GCM", ["A256GCM"], ("A128GCM", "A256GCM"), {"A256GCM"}, list(ROWS), None]
)
def test_a_content_encryption_that_is_accepted_passes(enc: str | Collection[str] | None) -> None:
    assert jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY, enc=enc).plaintext == b"secret"


@pytest.mark.parametrize("enc", ["A128CBC-HS256", ["A128GCM", "A128CBC-HS256"], []])
def test_a_content_encryption_that_is_not_accepted_is_malformed(enc: str | Collection[str]) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY, enc=enc)


@pytest.mark.parametrize("enc", ["", "A256", "a256gcm", ["A256GCM", "none"], "A256GCM A128GCM", 5, [5]])
def test_accepting_a_content_encryption_that_does_not_exist_is_an_error(enc: Any) -> None:
    with pytest.raises(InvalidSettings, match=r"^enc must be "):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY, enc=enc)


# -- compression -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"x", b"secret" * 1_000, bytes(9_999), bytes(10_000)])
def test_compressed_content_is_read_up_to_the_bound(forged: Forge, content: bytes) -> None:
    token = forged(KEY, {"zip": "DEF"}, deflated(content))
    assert jwe.decrypt(token, KEY, max_decompressed=10_000).plaintext == content


def test_content_that_is_not_compressed_is_read_where_compression_is_accepted() -> None:
    for most in (1, sys.maxsize - 1):
        assert jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY, max_decompressed=most).plaintext == b"secret"


@pytest.mark.parametrize(
    "compressed",
    [
        pytest.param(deflated(bytes(10_001)), id="one-byte-more"),
        pytest.param(deflated(bytes(1_000_000)), id="a-hundred-times-more"),
        pytest.param(deflated(b"x")[:-1], id="cut"),
        pytest.param(deflated(b"x") + b"\0", id="something-behind"),
        pytest.param(deflated(b"x") * 2, id="twice"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff" * 20, id="not-compressed"),
        pytest.param(zlib.compress(b"x"), id="with-the-header-of-zlib"),
    ],
)
def test_content_that_is_larger_or_not_compressed_is_malformed(forged: Forge, compressed: bytes) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(forged(KEY, {"zip": "DEF"}, compressed), KEY, max_decompressed=10_000)


@pytest.mark.parametrize("name", ["def", "GZIP", "", None, 5, ["DEF"]])
def test_another_compression_is_malformed(forged: Forge, name: object) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt(forged(KEY, {"zip": name}, deflated(b"x")), KEY, max_decompressed=10_000)


def test_what_is_not_authentic_is_not_decompressed(forged: Forge) -> None:
    token = forged(KEY, {"zip": "DEF"}, b"\xff" * 20)
    with pytest.raises(DecryptionFailed):
        jwe.decrypt(token, Key.generate("dir"), max_decompressed=10_000)


def test_a_small_token_does_not_take_much_memory(forged: Forge) -> None:
    token = forged(KEY, {"zip": "DEF"}, deflated(bytes(50_000_000)))
    assert len(token) < 80_000
    tracemalloc.start()
    try:
        with pytest.raises(MalformedToken):
            jwe.decrypt(token, KEY, max_decompressed=100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 600_000


@pytest.mark.parametrize("bound", [0, -1, True, 1.5, "10", sys.maxsize, 2**64])
def test_a_bound_that_is_none_is_an_error(bound: Any) -> None:
    with pytest.raises(InvalidSettings):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY, max_decompressed=bound)


# -- passwords -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [999, 0, -1, None, True, 1000.0, "1000", 600_001, 2**31, 10**30, [1000]])
def test_a_count_that_is_too_small_or_too_large_is_malformed_before_any_work(count: object) -> None:
    with pytest.raises(MalformedToken):  # or it would take minutes, or be no number for the hash
        jwe.decrypt(with_count(count), PASSWORD)


def test_a_missing_count_or_salt_is_malformed() -> None:
    for name in ("p2c", "p2s"):
        header, rest = jwe.encrypt(b"secret", PASSWORD).split(".", 1)
        members = msgspec.json.decode(base64url.decode(header))
        del members[name]
        with pytest.raises(MalformedToken):
            jwe.decrypt(base64url.encode(msgspec.json.encode(members)) + "." + rest, PASSWORD)


def test_the_bound_of_the_count_is_the_callers() -> None:
    with pytest.raises(DecryptionFailed):
        jwe.decrypt(with_count(1_000), PASSWORD)
    with pytest.raises(MalformedToken):
        jwe.decrypt(with_count(5_001), PASSWORD, max_p2c=5_000)
    with pytest.raises(DecryptionFailed):
        jwe.decrypt(with_count(5_000), PASSWORD, max_p2c=5_000)


@pytest.mark.parametrize("bound", [999, 1_000_001, 0, True, "1000", None, 5000.0])
def test_a_bound_of_the_count_out_of_range_is_an_error(bound: Any) -> None:
    with pytest.raises(InvalidSettings):
        jwe.decrypt(jwe.encrypt(b"secret", KEY), KEY, max_p2c=bound)


def test_a_count_means_nothing_to_other_algorithms(forged: Forge) -> None:
    assert jwe.decrypt(forged(KEY, {"p2c": 10**9}), KEY).plaintext == b"secret"


def with_count(count: object) -> str:
    header = {"alg": PASSWORD.alg, "enc": "A256GCM", "p2s": "AAAAAAAAAAAAAAAAAAAAAA", "p2c": count}
    segments = map(base64url.encode, (bytes(40), bytes(12), b"secret", bytes(16)))
    return ".".join([base64url.encode(msgspec.json.encode(header)), *segments])
