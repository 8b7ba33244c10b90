from __future__ import annotations

from typing import Any

import msgspec
import pytest

from watchword.errors import InvalidSettings, MalformedToken, Unissuable
from watchword.jose import base64url, header


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
        pytest.param({"alg": "HS256", "jku": 5}, id="jku-number"),
        pytest.param({"alg": "HS256", "jwk": "x"}, id="jwk-text"),
        pytest.param({"alg": "HS256", "x5u": None}, id="x5u-null"),
        pytest.param({"alg": "HS256", "x5c": "x"}, id="x5c-text"),
        pytest.param({"alg": "HS256", "x5t": ["x"]}, id="x5t-list"),
        pytest.param({"alg": "HS256", "x5t#S256": {}}, id="x5t#S256-object"),
        pytest.param({"alg": "HS256", "enc": 5}, id="enc-number"),
        pytest.param({"alg": "HS256", "zip": True}, id="zip-boolean"),
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
        header.decode_header(segment(members), ("known",))


def test_an_understood_extension_is_accepted() -> None:
    members = {"alg": "HS256", "crit": ["known"], "known": 1}
    assert header.decode_header(segment(members), ("known", "other")) == members


def test_a_duplicate_member_is_rejected() -> None:
    with pytest.raises(MalformedToken):
        header.decode_header(base64url.encode_bytes(b'{"alg":"HS256","alg":"none"}'), ())


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xef\xbb\xbf" + b'{"alg":"HS256"}', id="byte-order-mark"),
        pytest.param('{"alg":"HS256"}'.encode("utf-16"), id="utf-16"),
        pytest.param('{"alg":"HS256"}'.encode("utf-32-be"), id="utf-32"),
        pytest.param(b'{"alg":"HS256","x":"\xff"}', id="no-utf-8"),
        pytest.param(b'{"alg":"HS256","x":"\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"alg":"HS256","x":NaN}', id="nan"),
        pytest.param(b'{"alg":"HS256","x":1e400}', id="infinity"),
        pytest.param(b'{"alg":"HS256","x":' + b"[" * 33 + b"]" * 33 + b"}", id="deep"),
        pytest.param(b'{"alg":"HS256","x":' + b"[" * 6_000, id="bottomless"),
        pytest.param(b'{"alg":"HS256"}{}', id="two"),
    ],
)
def test_headers_that_are_no_strict_json_are_rejected(raw: bytes) -> None:
    with pytest.raises(MalformedToken):
        header.decode_header(base64url.encode_bytes(raw), ())


def test_the_parts_of_a_header_are_one() -> None:
    assert header.merge_parts({"typ": "x"}, {"alg": "HS256"}, {"kid": "k"}) == {
        "typ": "x", "alg": "HS256", "kid": "k",
    }  # fmt: skip


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([{"alg": "HS256"}], id="twice"),
        pytest.param([{"x": 1}, {"x": 1}], id="twice-unprotected"),
        pytest.param([{}], id="empty"),
        pytest.param([{"x": 1}, {}], id="second-empty"),
        pytest.param([None], id="null"),
        pytest.param([["x"]], id="list"),
        pytest.param(["x"], id="text"),
        pytest.param([{"crit": ["x"]}], id="crit"),
        pytest.param([{"b64": True}], id="b64"),
        pytest.param([{"zip": "DEF"}], id="zip"),
        pytest.param([{"kid": 5}], id="kid-number"),
    ],
)
def test_parts_that_contradict_each_other_are_rejected(parts: list[Any]) -> None:
    with pytest.raises(MalformedToken):
        header.merge_parts({"alg": "HS256"}, *parts)


def test_what_is_critical_stands_in_the_protected_part() -> None:
    with pytest.raises(MalformedToken):
        header.decode_protected(segment({"crit": ["known"]}), ("known",))
    with pytest.raises(MalformedToken):
        header.decode_protected(segment({}), ())


def test_b64_is_accepted_only_where_it_is_understood_and_critical() -> None:
    members = {"alg": "HS256", "b64": False, "crit": ["b64"]}
    assert header.decode_header(segment(members), {"b64"}) == members
    for other in ({**members, "b64": "x"}, {"alg": "HS256", "b64": False}, {"alg": "HS256", "b64": True}):
        with pytest.raises(MalformedToken):
            header.decode_header(segment(other), {"b64"})


def test_a_header_is_bounded_before_it_is_read() -> None:
    def padded(length: int) -> bytes:
        return segment({"alg": "HS256", "x": "x" * length})

    longest = padded(header.MAX_HEADER * 3 // 4 - len('{"alg":"HS256","x":""}'))
    assert len(longest) == header.MAX_HEADER
    assert header.decode_header(longest, ())
    with pytest.raises(MalformedToken, match="too long"):
        header.decode_header(longest + b"A", ())


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
        {"b64": False, "crit": ["b64"]},
        {"crit": ["x"]},
        {"crit": 5},
        {"crit": [[]]},
        {"crit": ["cty"], "cty": "x"},
        {"x": ...},
        {"x": "\ud800"},
        {"x": "x" * 9000},
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_header_that_nobody_may_read_is_not_written(given: dict[str, Any]) -> None:
    with pytest.raises(Unissuable):
        header.encode_header({"alg": "HS256", "kid": "k"}, given)


def test_a_header_that_contains_itself_is_not_written() -> None:
    circle: dict[str, Any] = {}
    circle["x"] = circle
    with pytest.raises(Unissuable):
        header.encode_header({"alg": "HS256"}, circle)


@pytest.mark.parametrize("given", [5, ["cty"], "cty"], ids=repr)
def test_a_header_is_a_mapping(given: Any) -> None:
    for call in (
        lambda: header.encode_header({"alg": "HS256"}, given),
        lambda: header.copy_unprotected(given),
    ):
        with pytest.raises(Unissuable, match="header must be a mapping, not "):
            call()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"crit": ["x"]}, "a missing member"),
        ({"crit": 5}, "crit is not a list of names"),
        ({"crit": [[]]}, "crit is not a list of names"),
        ({"cty": 5}, "wrong type"),
    ],
    ids=repr,
)
def test_a_header_that_nobody_could_read_is_told_why(given: Any, why: str) -> None:
    with pytest.raises(Unissuable, match=f"read again: .*{why}"):
        header.encode_header({"alg": "HS256"}, given)


def test_what_is_too_deep_to_be_read_again_is_not_written() -> None:
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"in": deep}
    for call in (lambda: header.encode_header({"alg": "HS256"}, deep), lambda: header.copy_unprotected(deep)):
        with pytest.raises(Unissuable, match="read again"):
            call()
