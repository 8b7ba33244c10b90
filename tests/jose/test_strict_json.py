from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.errors import MalformedToken, Unissuable
from watchword.jose.strict_json import MAX_DEPTH, decode_object, encode_object

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)


@given(OBJECTS, st.booleans(), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r")]))
def test_every_object_decodes_however_it_is_spelled(
    value: dict[str, Any], ascii_only: bool, separators: tuple[str, str]
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    assert decode_object(text.encode()) == value


@given(OBJECTS, TEXT, st.sampled_from(["", " ", "\n"]), st.integers(0, 3))
def test_a_member_that_is_there_twice_is_rejected_at_every_depth(
    value: dict[str, Any], name: str, space: str, depth: int
) -> None:
    member = f"{json.dumps(name)}{space}:"
    rest = json.dumps({**value, name: 1})[1:]
    twice = '{"a":[' * depth + f"{{{member}2,{rest}" + "]}" * depth
    with pytest.raises(MalformedToken):
        decode_object(twice.encode())


SCALARS = st.sampled_from(
    [
        *("1", "1.50", "1E5", "null", "[]", "{}", "[1, 2]"),
        *('"x"', '"a,b"', '",,"', '":"', '"\\u002c"', '"\\u003a"', '"\\",\\":"', '"\\\\"'),
    ]
)
NAMES = st.sampled_from(['"a"', '"b"', '"\\u0061"', '","', '":"', '"\\u003a"', '""'])
MEMBERS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]")
        | st.lists(st.builds("{}:{}".format, NAMES, inner), max_size=3).map(
            lambda members: "{" + ",".join(members) + "}"
        )
    ),
    max_leaves=8,
)


@given(st.lists(st.builds("{}:{}".format, NAMES, MEMBERS), max_size=4))
def test_duplicates_are_told_as_by_a_parser_that_shows_every_member(members: list[str]) -> None:
    text = "{" + ",".join(members) + "}"
    twice: list[object] = []

    def shown(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(pairs[len(dict(pairs)) :])
        return dict(pairs)

    value = json.loads(text, object_pairs_hook=shown)
    if twice:
        with pytest.raises(MalformedToken):
            decode_object(text.encode())
    else:
        assert decode_object(text.encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":1,"b" :2,"b":3}', id="white-space-before-the-colon"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="escaped-name"),
        pytest.param(b'{"a":{"b":1,"b":1}}', id="nested"),
        pytest.param(b'{"a":[{"b":1,"b":1}]}', id="nested-in-an-array"),
        pytest.param(b'{"a":1,"a":1}', id="the-same-value"),
        pytest.param(b'{"":1,"":2}', id="empty-name"),
        pytest.param(b'{"a":"\\":","a":2}', id="colon-in-a-string"),
        pytest.param(b'{"a":1,"a":"\\u003a"}', id="escaped-colon-in-place-of-the-lost-one"),
        pytest.param(b'{"a":1, "a":"x:y"}', id="colon-in-the-value-kept"),
        pytest.param(b'{"a":"x:y", "a":1}', id="colon-in-the-value-lost"),
        pytest.param(b'{"a":[{"b":1,"b":{"b":1}}]}', id="an-object-for-a-number"),
        pytest.param('{"é":1,"e\u0301":1,"\\u00e9":1}'.encode(), id="escaped-letter-with-accent"),
    ],
)
def test_duplicate_members_are_rejected(data: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_object(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"a"', id="string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{} {}", id="two"),
        pytest.param(b"{", id="cut"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":Infinity}', id="infinity"),
        pytest.param(b'{"a":1e400}', id="too-large-a-number"),
        pytest.param(b'{"a":[1e400]}', id="too-large-a-number-inside"),
        pytest.param(b'{"a":[-1e999999]}', id="far-too-large-a-number"),
        pytest.param(b'{"a":%s}' % (b"9" * 16_384), id="endless-integer"),
        pytest.param(b'{"a":01}', id="leading-zero"),
        pytest.param(b'{"a":+1}', id="plus-sign"),
        pytest.param(b'{"a":1.}', id="no-digit-after-the-point"),
        pytest.param(b'{"a":.5}', id="no-digit-before-the-point"),
        pytest.param(b'{"a":0x1}', id="hexadecimal"),
        pytest.param(b'{"a":"\xff"}', id="no-utf-8"),
        pytest.param(b'{"\xff":1}', id="name-not-utf-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate-in-utf-8"),
        pytest.param(b'{"a":"\\ud800"}', id="surrogate-at-the-end"),
        pytest.param(b'{"\\ud800":1}', id="surrogate-as-name"),
        pytest.param(b'{"a":"\xc0\x80"}', id="overlong-utf-8"),
        pytest.param(b'{"a":"\xf4\x90\x80\x80"}', id="past-the-last-character"),
        pytest.param(b'{"a":"\\ud800 and more text"}', id="lone-high-surrogate"),
        pytest.param(b'{"a":"\\udc00 and more text"}', id="lone-low-surrogate"),
        pytest.param(b'{"\\ud800\\u0041 more text":1}', id="high-surrogate-and-a-letter"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="utf-16-without-mark"),
        pytest.param('{"a":1}'.encode("utf-32"), id="utf-32"),
        pytest.param(b'{"a":"\x00"}', id="control-character"),
        pytest.param(b'{"a":1}\x00', id="nul-at-the-end"),
        pytest.param(b'\x0c{"a":1}', id="form-feed"),
        pytest.param(b'\xc2\xa0{"a":1}', id="no-break-space"),
        pytest.param(b"{'a':1}", id="single-quotes"),
        pytest.param(b'{"a":1,}', id="trailing-comma"),
        pytest.param(b'{"a":1}//', id="comment"),
    ],
)
def test_what_is_not_an_object_in_utf_8_is_rejected(data: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_object(data)


@pytest.mark.parametrize("integer", [2**53 + 1, 2**64 + 1, -(10**30), 10**300])
def test_large_integers_keep_their_value(integer: int) -> None:
    assert decode_object(b'{ "n": %d}' % integer) == {"n": integer}


def test_brackets_in_strings_have_no_depth() -> None:
    assert decode_object(b'{"a":["\\"' + b"[{" * 100 + b'"]}')


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_bounded(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    deepest = MAX_DEPTH - 1
    assert decode_object(b'{"a":' + opening * deepest + b"1" + closing * deepest + b"}")
    assert decode_object(b'{"b":[[],{}],"a":' + opening * deepest + b"1" + closing * deepest + b"}")
    with pytest.raises(MalformedToken):
        decode_object(b'{"a":' + opening * MAX_DEPTH + b"1" + closing * MAX_DEPTH + b"}")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":' + b"[" * 100_000, id="arrays-that-never-end"),
        pytest.param(b'{"a":' * 100_000, id="objects-that-never-end"),
        pytest.param(b'{"a":"' + b"[" * 100_000, id="string-that-never-ends"),
        pytest.param(b'{"a":"' + b"\\" * 100_001 + b"[", id="escapes-that-never-end"),
        pytest.param(b'{"a":["' + b'\\"' * 500_000, id="quotes-that-never-end"),
        pytest.param(b'{"a":[' + b"]" * 100_000 + b"[" * 100_000, id="closed-before-they-open"),
    ],
)
def test_bottomless_input_is_rejected_before_anybody_descends(data: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_object(data)


@given(
    st.binary(max_size=40) | st.text(st.sampled_from('{}[]":,\\a1 eE.-+u0d8'), max_size=40).map(str.encode)
)
@example(b'{"a":1E5}')
def test_any_bytes_are_an_object_or_malformed(data: bytes) -> None:
    try:
        value = decode_object(data)
    except MalformedToken:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":[-0,-0.0,0]}',
        b'{"a":[1E-400,1e-400,5e-324]}',
        b'{"a":[1.7976931348623157e308,2.2250738585072011e-308]}',
        b'{"a":["\\u0000","\x7f","\\uffff"]}',
        b'\n{"a":[1e5,1.50]}\n',
        b'{"a":[%s,-1]}' % (b"9" * 305),
        b'{"a":[0.%s,1]}' % (b"3" * 5_000),
    ],
    ids=lambda data: data[:20],
)
def test_odd_values_are_what_they_are_in_python(data: bytes) -> None:
    assert repr(decode_object(data)) == repr(json.loads(data))


# -- writing ---------------------------------------------------------------------------------------------


@given(OBJECTS)
def test_what_is_written_is_what_was_given(value: dict[str, Any]) -> None:
    assert decode_object(encode_object(value)) == value


class Role(enum.Enum):
    ADMIN = "admin"
    BYTES = b"x"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Place:
    city: Any = "Zoë"


class Row(msgspec.Struct, array_like=True):
    value: Any = 1


class Named(str):
    __slots__ = ()


UTC_TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2**70, 2**70),
        (1.5, 1.5),
        ((1, "a"), [1, "a"]),
        ({1}, [1]),
        (frozenset({"a"}), ["a"]),
        (UTC_TIME, "2026-01-02T03:04:05Z"),
        (UTC_TIME.replace(tzinfo=None), "2026-01-02T03:04:05"),
        (UTC_TIME.date(), "2026-01-02"),
        (timedelta(minutes=1), "PT60S"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.10"), "1.10"),
        (Role.ADMIN, "admin"),
        (Level.HIGH, 3),
        (Place(), {"city": "Zoë"}),
        (Row(), [1]),
        ({Role.ADMIN.value: Place()}, {"admin": {"city": "Zoë"}}),
    ],
    ids=repr,
)
def test_other_values_are_written_in_one_known_form(value: Any, written: Any) -> None:
    assert decode_object(encode_object({"c": value, "list": [value]})) == {"c": written, "list": [written]}


def holding_itself() -> list[Any]:
    holder: list[Any] = []
    holder.append(holder)
    return holder


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        *((value, "NaN") for value in (math.nan, math.inf, -math.inf)),
        *((Decimal(value), "NaN") for value in ("NaN", "sNaN", "Infinity")),
        *((value, "bytes") for value in (b"x", bytearray(b"x"), memoryview(b"x"))),
        ({1: "a"}, "strings"),
        ({math.nan: "a"}, "strings"),
        ({b"x": "a"}, "strings"),
        (object(), "no form in JSON"),
        (MappingProxyType({"a": 1}), "no form in JSON"),
        (10**5000, "no form in JSON"),
        (Named("a"), "no form in JSON"),
        (Role.BYTES, "bytes"),
        (msgspec.Raw(b"nonsense"), "no form in JSON"),
        ("\ud800", "no form in JSON"),
        (1j, "no form in JSON"),
        (holding_itself(), "contains itself"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_refused_wherever_it_stands(value: Any, fault: str) -> None:
    for content in (value, [value], {"in": value}, (1, {"in": [value]}), Place(value), Row(value)):
        with pytest.raises(Unissuable, match=rf"^c cannot be written as JSON: .*{fault}"):
            encode_object({"good": 1, "c": content})
    with pytest.raises(Unissuable):
        encode_object({value if isinstance(value, bytes | float) else 1: 1})  # type: ignore[dict-item]  # that is the point


def test_the_member_that_cannot_be_written_is_named() -> None:
    with pytest.raises(
        Unissuable, match=r"^score cannot be written as JSON: JSON has no NaN and no infinity$"
    ):
        encode_object({"sub": "user-1", "score": {"of": [1.5, math.nan]}})
    with pytest.raises(Unissuable, match=r"^\\ud800 cannot be written as JSON"):
        encode_object({"sub": "user-1", "\ud800": 1})
