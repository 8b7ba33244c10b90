"""JSON objects, read and written strictly.

From strangers: UTF-8 only, no duplicate members, bounded depth (RFC 8259, RFC 8725 §3.7). From callers: only
what JSON can hold, so that nothing is read as something else than was written.

msgspec refuses NaN, Infinity, integers of more than 4,300 digits, bad UTF-8 and lone surrogates. It keeps the
last of two members of the same name, descends until Python's recursion limit, and takes its time over some
fractions, so all three are looked after here. It writes NaN as null, and bytes as text, so these are refused.
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
"""Containers inside each other; claims of real issuers stay under ten."""

UNCHANGED = (bytes, bytearray, memoryview, Decimal)
"""The types that to_builtins must leave unchanged, so that :func:`encode_object` can refuse them."""

_BACKSLASH = 0x5C
# Never goes back, and takes a string without an end for one: linear in whatever it is given.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?')
_ROUND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _parse_fraction(fraction: str) -> float:
    value = float(fraction)  # a tenth of the time that msgspec may need to round one
    if math.isinf(value):
        raise ValueError
    return value


# The usual object is flat and has no fractions. Any other is refused by this decoder and gets another look:
# that costs the usual one less than to be looked at for brackets.
_Scalar: TypeAlias = str | int | bool | None
_decode_flat = msgspec.json.Decoder(dict[str, _Scalar | list[_Scalar]]).decode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=_parse_fraction).decode
_encode = msgspec.json.Encoder().encode


_NO_FORM = "something in it has no form in JSON, or contains itself"
_ATOMS = frozenset({str, int, bool, type(None)})


def decode_object(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``; integers keep their value, however large.

    Raises:
        MalformedToken: it is not one, names a member twice, or is deeper than :data:`MAX_DEPTH`.
    """
    try:
        decoded: dict[str, Any] = _decode_flat(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = _decode_nested(data)
    # So many members take one comma less: where there are no more than that, wherever they stand, none was
    # lost on the way, here or in an object inside. Where there are more (in strings, in arrays), what encodes
    # to itself again has lost none either. Only in the rest (white space, escapes, 1.50) are they counted.
    if data.count(b",") >= len(decoded):
        again = _encode(decoded)
        if again != data and _has_lost_members(data, again):
            raise MalformedToken("the JSON names a member twice")
    return decoded


def encode_object(content: Mapping[str, Any]) -> bytes:
    """Write an object as JSON.

    Raises:
        Unissuable: JSON has no form for something in it, at any depth: NaN, infinity, bytes, an object of an
            unknown class.
    """
    check_members(content)
    return encode_checked(content)


def check_members(content: Mapping[str, Any]) -> None:
    """Return if JSON can hold all members of an object, as far as their types show it.

    Raises:
        Unissuable: it cannot; the message names the member.
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
    """As :func:`encode_object`, for members that :func:`check_members` has seen.

    Raises:
        Unissuable: there is text that is not Unicode, or an integer of more than 4,300 digits.
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
            # a signalling NaN cannot even be turned into a float
            is_number = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
            return None if is_number else "it has no NaN and no infinity"
        case bytes() | bytearray() | memoryview():
            return "it has no bytes; encode them as text, in base64 or hexadecimal"
        case list() | tuple():
            return _find_first_fault(value)
        case dict():
            return _find_name_fault(value) or _find_first_fault(value.values())
    # Of other classes msgspec knows the fields, or that there are none.
    return _find_fault(msgspec.to_builtins(value, builtin_types=UNCHANGED))


def _find_first_fault(values: Iterable[object]) -> str | None:
    return next((fault for fault in map(_find_fault, values) if fault), None)


def _find_name_fault(names: Iterable[object]) -> str | None:
    if all(isinstance(name, str) for name in names):
        return None
    return "the names in an object are strings"


def _decode_nested(data: bytes) -> dict[str, Any]:
    """As :func:`decode_object`, but for members that were lost on the way."""
    if _is_deep(data):
        raise MalformedToken("the JSON is nested too deeply, or not closed")
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedToken("not a JSON object in UTF-8") from None


def _is_deep(data: bytes) -> bool:
    """Whether the brackets outside of strings go deeper than allowed, or one has no counterpart."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", data).translate(_ROUND, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")  # takes the innermost level away
        if len(brackets) == before:
            break
    return bool(brackets)


def _has_lost_members(data: bytes, again: bytes) -> bool:
    """Whether there is less in ``again``, which was made of what ``data`` was decoded to: a colon each."""
    if _BACKSLASH in data:  # \u003a: a colon in a string may look different in the other, so strings go
        data, again = _STRING.sub(b"", data), _STRING.sub(b"", again)
    return data.count(b":") != again.count(b":")
