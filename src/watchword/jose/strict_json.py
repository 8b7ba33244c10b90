"""JSON objects from strangers: UTF-8 only, no duplicate members, bounded depth (RFC 8259, RFC 8725 §3.7).

msgspec refuses NaN, Infinity, integers of more than 4,300 digits, bad UTF-8 and lone surrogates. It keeps the
last of two members of the same name, descends until Python's recursion limit, and takes its time over some
fractions, so all three are looked after here.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

import msgspec

from watchword.errors import MalformedToken

__all__ = ["MAX_DEPTH", "decode_object"]

MAX_DEPTH = 32
"""Containers inside each other; claims of real issuers stay under ten."""

_BACKSLASH = 0x5C
# Never goes back, and takes a string without an end for one: linear in whatever it is given.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?')
_ROUND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _finite(fraction: str) -> float:
    value = float(fraction)  # a tenth of the time that msgspec may need to round one
    if math.isinf(value):
        raise ValueError
    return value


# The usual object is flat and has no fractions. Any other is refused by this decoder and gets another look:
# that costs the usual one less than to be looked at for brackets.
_Scalar: TypeAlias = str | int | bool | None
_decode_flat = msgspec.json.Decoder(dict[str, _Scalar | list[_Scalar]]).decode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=_finite).decode
_encode = msgspec.json.Encoder().encode


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
