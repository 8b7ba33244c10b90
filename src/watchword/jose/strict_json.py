"""JSON objects from strangers: UTF-8 only, no duplicate members, bounded depth (RFC 8259, RFC 8725 §3.7).

msgspec refuses NaN, Infinity, 1e400, bad UTF-8 and lone surrogates. It keeps the last of two members of the
same name and descends until Python's recursion limit, so both are looked after here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from watchword.errors import MalformedToken

__all__ = ["MAX_DEPTH", "decode_object"]

MAX_DEPTH = 32
"""Containers inside each other; claims of real issuers stay under ten."""

_OPENING_BRACKET = 0x5B  # looked for as a number: six times as fast as b"["
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
# Never goes back, and takes a string without an end for one: linear in whatever it is given.
_STRING_OR_SCALAR = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[^"\[\]{}]++', re.DOTALL)


def decode_object(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``; integers keep their value, however large.

    Raises:
        MalformedToken: it is not one, names a member twice, or is deeper than :data:`MAX_DEPTH`.
    """
    # The usual object is flat, and seen to be flat faster than brackets are counted.
    if (_OPENING_BRACKET in data or data.rfind(b"{") > 0) and _depth(data) > MAX_DEPTH:
        raise MalformedToken("the JSON is nested too deeply")
    try:
        decoded = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedToken("not a JSON object in UTF-8") from None
    # So many members take one comma less: where there are no more than that, wherever they stand, none was
    # lost on the way, here or in an object inside. Where there are more (in strings, in arrays), what encodes
    # to itself again has lost none either. Only the rest (white space, escapes, 1.50) is read a second time,
    # by a parser that shows every member.
    if data.count(b",") >= len(decoded) and _encode(decoded) != data:
        json.loads(data, object_pairs_hook=_distinct, parse_int=_ignore, parse_float=_ignore)
    return decoded


def _depth(data: bytes) -> int:
    """How deep the brackets outside of strings go, whether they match or not."""
    depth = deepest = 0
    for bracket in _STRING_OR_SCALAR.sub(b"", data):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _distinct(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise MalformedToken("the JSON names a member twice")


def _ignore(_number: str) -> None:
    """Only names count here; Python's bound on the digits of an integer does not apply."""
