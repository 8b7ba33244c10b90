from __future__ import annotations

from collections.abc import Sequence

import pytest

from watchword.errors import UnknownKey
from watchword.jose import Key, KeySet, KeySource
from watchword.jose.key_selection import find_candidates, to_key_source


def test_tokens_without_kid_buy_few_attempts() -> None:
    keys = [Key.generate("HS256") for _ in range(5)]
    assert find_candidates(KeySet(keys[:4]), {"alg": "HS256"}, "verify") == keys[:4]
    with pytest.raises(UnknownKey, match="too many"):
        find_candidates(KeySet(keys), {"alg": "HS256"}, "verify")
    assert find_candidates(KeySet(keys), {"alg": "HS256", "kid": keys[4].kid}, "verify") == [keys[4]]


def test_a_source_that_answers_with_other_algorithms_is_not_believed() -> None:
    other, key = Key.generate("HS384"), Key.generate("HS512")

    class Careless:
        version = 0

        def find(self, kid: str | None, alg: str) -> Sequence[Key]:
            return [other, key]

        def ready(self, kid: str | None, alg: str) -> bool:
            return True

    assert find_candidates(Careless(), {"alg": "HS512"}, "verify") == [key]
    with pytest.raises(UnknownKey):
        find_candidates(Careless(), {"alg": "HS256"}, "verify")
    with pytest.raises(UnknownKey):
        find_candidates(Careless(), {"alg": "HS512"}, "decrypt")


def test_a_key_alone_serves_any_kid_of_its_algorithm() -> None:
    key = Key.generate("HS256")
    source: KeySource = to_key_source(key)
    assert list(source.find("whatever", "HS256")) == list(source.find(None, "HS256")) == [key]
    assert list(source.find(None, "HS512")) == []
    assert source.ready("whatever", "HS256")
    assert source.version != to_key_source(Key.generate("HS256")).version
