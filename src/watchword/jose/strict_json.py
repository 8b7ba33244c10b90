"""Read and write JSON objects strictly.

Input must be UTF-8, without duplicate members, and of bounded depth (RFC 8259, RFC 8725 §3.7). Output must be
values that JSON can hold, so that a reader gets what was written.

msgspec refuses NaN, Infinity, integers of more than 4,300 digits, bad UTF-8 and lone surrogates. This module
adds checks for three weaknesses of msgspec: it keeps the last of two members with the same name, descends
until Python's recursion limit, and is slow for some fractions. msgspec also writes NaN as null and bytes as
text, so these are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from watchword.errors import MalformedToken, Unissuable

__all__ = ["MAX_DEPTH", "UNCHANGED", "check_members", "decode_object", "encode_checked", "encode_object"]

MAX_DEPTH = 32
"""Most containers inside each other. The claims of real issuers have fewer than ten."""

UNCHANGED = (bytes, bytearray, memoryview, Decimal)
"""Types that to_builtins must leave unchanged, so that :func:`encode_object` can refuse them."""

_BACKSLASH = 0x5C
# Without backtracking, so it takes linear time. It also matches a string that does not end.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?')
_ROUND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _parse_fraction(fraction: str) -> float:
    value = float(fraction)  # msgspec may need ten times as long to round.
    if math.isinf(value):
        raise ValueError
    return value


# Most objects are flat and have no fractions. The second decoder reads the other objects. For the usual
# object this is faster than a search for brackets.
_Scalar: TypeAlias = str | int | bool | None
_decode_flat = msgspec.json.Decoder(dict[str, _Scalar | list[_Scalar]]).decode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=_parse_fraction).decode
_encode = msgspec.json.Encoder().encode


_NO_FORM = "it contains a value that has no form in JSON, or contains itself"
_ATOMS = frozenset({str, int, bool, type(None)})


def decode_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object. Integers of any size keep their value.

    Raises:
        MalformedToken: the data is not a JSON object, names a member twice, or is deeper than
            :data:`MAX_DEPTH`.
    """
    try:
        decoded: dict[str, Any] = _decode_flat(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = _decode_nested(data)
    # An object of n members has n - 1 commas. If the data has no more commas, no member was lost, here or in
    # an inner object. If it has more (in strings or arrays), data that encodes to itself has lost no member
    # either. Only for other data (white space, escapes, 1.50) are the members counted.
    if data.count(b",") >= len(decoded):
        again = _encode(decoded)
        if again != data and _has_lost_members(data, again):
            raise MalformedToken("the JSON names a member twice")
    return decoded


def encode_object(content: Mapping[str, Any]) -> bytes:
    """Write an object as JSON.

    Raises:
        Unissuable: a value at any depth has no form in JSON: NaN, infinity, bytes, or an object of an unknown
            class.
    """
    check_members(content)
    return encode_checked(content)


def check_members(content: Mapping[str, Any]) -> None:
    """Raise unless JSON can hold the types of all members of an object.

    Raises:
        Unissuable: JSON cannot hold a member. The message names it.
    """
    for name, value in content.items():
        kind = type(value)
        if type(name) is str and (kind in _ATOMS or (kind is list and _ATOMS.issuperset(map(type, value)))):
            continue
        try:
            fault = _find_name_fault([name]) or _find_fault(value)
        except (TypeError, ValueError, RecursionError):
            fault = _NO_FORM
        if fault:
            raise _refuse(name, fault)


def encode_checked(content: Mapping[str, Any]) -> bytes:
    """Write an object as JSON after :func:`check_members` has checked its members.

    Raises:
        Unissuable: a text is not Unicode, or an integer has more than 4,300 digits.
    """
    try:
        return _encode(content)
    except (TypeError, ValueError, RecursionError):
        names = (name for name, value in content.items() if not _is_writable({name: value}))
        raise _refuse(next(names, None), _NO_FORM) from None


def _is_writable(content: Mapping[str, Any]) -> bool:
    try:
        _encode(content)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _refuse(name: object, fault: str) -> Unissuable:
    shown = ascii(name)[1:-1] if isinstance(name, str) else "a member"
    return Unissuable(f"{shown} cannot be written as JSON: {fault}")


def _find_fault(value: object) -> str | None:
    """Say why JSON cannot hold a value. Return ``None`` if it can."""
    match value:
        case None | str() | int():
            return None
        case float() | Decimal():
            # float() raises for a signalling NaN.
            is_number = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
            return None if is_number else "JSON has no NaN and no infinity"
        case bytes() | bytearray() | memoryview():
            return "JSON has no bytes: encode them as text, in base64 or hexadecimal"
        case list() | tuple():
            return _find_first_fault(value)
        case dict():
            return _find_name_fault(value) or _find_first_fault(value.values())
    # msgspec converts classes with fields, and raises for other classes.
    return _find_fault(msgspec.to_builtins(value, builtin_types=UNCHANGED))


def _find_first_fault(values: Iterable[object]) -> str | None:
    return next((fault for fault in map(_find_fault, values) if fault), None)


def _find_name_fault(names: Iterable[object]) -> str | None:
    if all(isinstance(name, str) for name in names):
        return None
    return "the names in an object must be strings"


def _decode_nested(data: bytes) -> dict[str, Any]:
    """Decode an object of any shape. Does not notice duplicate members."""
    if _is_deep(data):
        raise MalformedToken("the JSON is nested too deeply, or its brackets are not balanced")
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedToken("not a JSON object in UTF-8") from None


def _is_deep(data: bytes) -> bool:
    """Return whether the brackets outside of strings are too deep or not balanced."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", data).translate(_ROUND, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")  # removes the innermost level
        if len(brackets) == before:
            break
    return bool(brackets)


def _has_lost_members(data: bytes, again: bytes) -> bool:
    """Return whether decoding lost members of ``data``. ``again`` is the result, encoded again."""
    if _BACKSLASH in data:  # A colon in a string may be escaped (\u003a), so drop the strings.
        data, again = _STRING.sub(b"", data), _STRING.sub(b"", again)
    return data.count(b":") != again.count(b":")
