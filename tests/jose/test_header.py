from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from watchword.errors import InvalidSettings, MalformedToken, Unissuable, UnknownKey
from watchword.jose import Key, KeySet, base64url, header


def segment(members: object) -> bytes:
    return base64url.encode_bytes(msgspec.json.encode(members))


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([], id="array"),
        pytest.param({}, id="no-alg"),
        pytest.param({"alg": None}, id="alg-null"),
        pytest.param({"alg": 5}, id="alg-number"),
        pytest.param({"alg": ["HS256"]}, id="alg-list"),
        pytest.param({"alg": "HS256", "kid": 5}, id="kid-number"),
        pytest.param({"alg": "HS256", "kid": None}, id="kid-null"),
        pytest.param({"alg": "HS256", "kid": {}}, id="kid-object"),
        pytest.param({"alg": "HS256", "typ": 1}, id="typ-number"),
        pytest.param({"alg": "HS256", "typ": None}, id="typ-null"),
        pytest.param({"alg": "HS256", "cty": []}, id="cty-list"),
        pytest.param({"alg": "HS256", "b64": False}, id="b64-without-crit"),
        pytest.param({"alg": "HS256", "b64": False, "crit": ["b64"]}, id="b64"),
        pytest.param({"alg": "HS256", "crit": []}, id="crit-empty"),
        pytest.param({"alg": "HS256", "crit": None}, id="crit-null"),
        pytest.param({"alg": "HS256", "crit": "known", "known": 1}, id="crit-text"),
        pytest.param({"alg": "HS256", "crit": {"known": 1}, "known": 1}, id="crit-object"),
        pytest.param({"alg": "HS256", "crit": ["known", "known"], "known": 1}, id="crit-twice"),
        pytest.param({"alg": "HS256", "crit": ["known"]}, id="crit-not-there"),
        pytest.param({"alg": "HS256", "crit": ["unknown"], "unknown": 1}, id="crit-unknown"),
        pytest.param(
            {"alg": "HS256", "crit": ["known", "unknown"], "known": 1, "unknown": 1}, id="crit-half"
        ),
        pytest.param({"alg": "HS256", "crit": ["alg"]}, id="crit-registered"),
        pytest.param({"alg": "HS256", "crit": ["known", 1], "known": 1}, id="crit-number"),
        pytest.param({"alg": "HS256", "crit": [["known"]], "known": 1}, id="crit-nested"),
    ],
)
def test_headers_of_the_wrong_form_are_rejected(members: object) -> None:
    with pytest.raises(MalformedToken):
        header.decode(segment(members), ("known",))


def test_an_understood_extension_is_accepted() -> None:
    members = {"alg": "HS256", "crit": ["known"], "known": 1}
    assert header.decode(segment(members), ("known", "other")) == members


def test_a_duplicate_member_is_rejected() -> None:
    with pytest.raises(MalformedToken):
        header.decode(base64url.encode_bytes(b'{"alg":"HS256","alg":"none"}'), ())


def test_a_header_is_bounded_before_it_is_read() -> None:
    def padded(length: int) -> bytes:
        return segment({"alg": "HS256", "x": "x" * length})

    longest = padded(header.MAX_HEADER * 3 // 4 - len('{"alg":"HS256","x":""}'))
    assert len(longest) == header.MAX_HEADER
    assert header.decode(longest, ())
    with pytest.raises(MalformedToken, match="too long"):
        header.decode(longest + b"A", ())


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "é.b.c", "\ud800.b.c", None, b"a.b.c", 7]
)
def test_only_text_of_exactly_three_segments_is_split(token: Any) -> None:
    assert header.split("a.b.c", 3) == [b"a", b"b", b"c"]
    with pytest.raises(MalformedToken):
        header.split(token, 3)


def test_a_token_is_bounded_before_it_is_split() -> None:
    rest = header.MAX_TOKEN - 2
    assert header.split("." + "a" * rest + ".", 3)
    with pytest.raises(MalformedToken):
        header.split("." + "a" * (rest + 1) + ".", 3)


@pytest.mark.parametrize("names", ["exp", ["alg"], ["b64"], {"zip"}, ("x", "crit")])
def test_registered_names_are_no_extensions_of_an_application(names: Any) -> None:
    with pytest.raises(InvalidSettings):
        header.check_critical(names)
    assert header.check_critical(["http://example.com/own"]) == {"http://example.com/own"}


@pytest.mark.parametrize(
    "given",
    [
        {"alg": "none"},
        {"kid": "another"},
        {"typ": 5},
        {"b64": False},
        {"crit": ["x"]},
        {"crit": 5},
        {"crit": [[]]},
        {"crit": ["cty"], "cty": "x"},
        {"x": object()},
        {"x": "\ud800"},
        {"x": "x" * 9000},
    ],
    ids=str,
)
def test_a_header_that_nobody_may_read_is_not_written(given: dict[str, Any]) -> None:
    with pytest.raises(Unissuable):
        header.encode({"alg": "HS256", "kid": "k"}, given)


def test_a_header_that_contains_itself_is_not_written() -> None:
    circle: dict[str, Any] = {}
    circle["x"] = circle
    with pytest.raises(Unissuable):
        header.encode({"alg": "HS256"}, circle)


def test_tokens_without_kid_buy_few_attempts() -> None:
    keys = [Key.generate("HS256") for _ in range(5)]
    assert header.candidates(KeySet(keys[:4]), {"alg": "HS256"}, "verify") == keys[:4]
    with pytest.raises(UnknownKey, match="too many"):
        header.candidates(KeySet(keys), {"alg": "HS256"}, "verify")
    assert header.candidates(KeySet(keys), {"alg": "HS256", "kid": keys[4].kid}, "verify") == [keys[4]]


def test_a_source_that_answers_with_other_algorithms_is_not_believed() -> None:
    key = Key.generate("HS512")

    class Careless:
        version = 0

        def find(self, kid: str | None, alg: str) -> Sequence[Key]:
            return [key]

        def ready(self, kid: str | None, alg: str) -> bool:
            return True

    assert header.candidates(Careless(), {"alg": "HS512"}, "verify") == [key]
    with pytest.raises(UnknownKey):
        header.candidates(Careless(), {"alg": "HS256"}, "verify")
    with pytest.raises(UnknownKey):
        header.candidates(Careless(), {"alg": "HS512"}, "decrypt")
