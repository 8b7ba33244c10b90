from __future__ import annotations

from typing import Any

import pytest

from watchword.errors import InvalidKey
from watchword.jose import Key
from watchword.jose.jwk_description import KeyDescription, decode_jwk, read_description

OCT = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}


def test_a_jwk_may_say_nothing_or_all_of_its_key() -> None:
    assert read_description({}) == KeyDescription(None, None, None, None)
    assert read_description({"kid": "", "alg": "HS256", "use": "sig", "key_ops": ["sign"]}) == KeyDescription(
        "", "HS256", "sig", ("sign",)
    )


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"kid": 7}, id="kid-a-number"),
        pytest.param({"use": ["sig"]}, id="use-a-list"),
        pytest.param({"alg": ["HS256"]}, id="alg-a-list"),
        pytest.param({"alg": "ES256"}, id="alg-of-another-type"),
        pytest.param({"alg": "none"}, id="alg-none"),
        pytest.param({"alg": "hs256"}, id="alg-in-lower-case"),
        pytest.param({"key_ops": "sign"}, id="key_ops-text"),
        pytest.param({"key_ops": ["sign", 1]}, id="key_ops-numbers"),
        pytest.param({"key_ops": [["sign"]]}, id="key_ops-nested"),
    ],
)
def test_members_of_the_wrong_form_are_rejected_when_the_key_is_made(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({**OCT, "alg": "HS256", **members})


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", b"\xff", "\ud800", '{"a":1,"a":2}', '{"a":' + "[" * 9_999, "\ufeff{}", "{}\0"],
    ids=ascii,
)
def test_what_is_no_json_object_is_rejected(text: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        decode_jwk(text, 100_000)


def test_the_bound_counts_bytes_and_a_mapping_has_none() -> None:
    assert decode_jwk("{}", 2) == decode_jwk(b"{}", 2) == decode_jwk({}, 0) == {}
    for text in ("{} ", b"{} "):
        with pytest.raises(InvalidKey, match="longer than 2 bytes"):
            decode_jwk(text, 2)
