from __future__ import annotations

from typing import Any

import pytest

from watchword.errors import InvalidSettings, Unissuable
from watchword.jose import Key, jwe
from watchword.jose.encryption import make_content_key

KEY = Key.from_secret(b"\x07" * 32, "dir", kid="k1")
PASSWORD = Key.from_secret("sixteen letters.", "PBES2-HS256+A128KW")
SHARED = Key.generate("A256KW")


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_a_password_is_hashed_as_often_as_is_asked_for(count: int) -> None:
    token = jwe.encrypt(b"secret", PASSWORD, p2c=count)
    assert jwe.decrypt(token, PASSWORD, max_p2c=count).header["p2c"] == count
    copies = jwe.encrypt_json(b"secret", [SHARED, PASSWORD], p2c=count)
    assert jwe.decrypt_json(copies, PASSWORD, max_p2c=count).unprotected["p2c"] == count
    alone = jwe.encrypt_json(b"secret", [PASSWORD], p2c=count)
    assert jwe.decrypt_json(alone, PASSWORD, max_p2c=count).header["p2c"] == count


@pytest.mark.parametrize("count", [999, 1_000_001, True, "1000", 1e3], ids=repr)
def test_the_iterations_that_are_asked_for_are_bounded(count: Any) -> None:
    for call in (
        lambda: jwe.encrypt(b"secret", PASSWORD, p2c=count),
        lambda: jwe.encrypt_json(b"secret", [PASSWORD], p2c=count),
    ):
        with pytest.raises(InvalidSettings, match=f"^p2c must be .* from 1000 to 1000000, not {count}|str"):
            call()
    with pytest.raises(InvalidSettings, match="p2c is for passwords"):
        jwe.encrypt(b"secret", KEY, p2c=1_000)


@pytest.mark.parametrize("count", [1, 10**12, "many", None], ids=repr)
def test_a_header_does_not_set_the_iterations(count: Any) -> None:
    for call in (
        lambda: jwe.encrypt(b"secret", PASSWORD, header={"p2c": count}, p2c=1_000),
        lambda: jwe.encrypt(b"secret", PASSWORD, header={"p2c": count}),
        lambda: jwe.encrypt_json(b"secret", [PASSWORD], unprotected={"p2c": count}, p2c=1_000),
        lambda: jwe.encrypt_json(b"secret", [SHARED, PASSWORD], header={"p2c": count}, p2c=1_000),
    ):
        with pytest.raises(Unissuable):
            call()


def test_nothing_is_compressed_here() -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt(b"secret", KEY, header={"zip": "DEF"})


@pytest.mark.parametrize("key", [KEY, SHARED])
def test_a_content_key_is_not_shown(key: Key) -> None:
    content_key = make_content_key(key, {"alg": key.alg, "enc": "A256GCM"}, 32)
    assert repr(content_key.value) not in f"{content_key!r} {content_key}"
    assert len(content_key.value) == 32
