"""The header of a token: what it must be before anybody looks at what it says (RFC 7515 §4, RFC 7516 §4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from watchword.errors import InvalidSettings, MalformedToken, Unissuable, UnknownKey
from watchword.jose import base64url, strict_json
from watchword.jose.algorithms import Operation
from watchword.jose.jwk import Key, KeySource

__all__ = ["MAX_HEADER", "MAX_TOKEN", "candidates", "check_critical", "decode", "encode", "split"]

MAX_TOKEN = 1_048_576
"""Longest compact token, in characters; a Verifier has a bound of its own, and a lower one."""

MAX_HEADER = 8_192
"""Longest header, in base64url characters: it is read before anything is known of who wrote it."""

_MAX_CANDIDATES = 4  # a token without kid must not buy a signature check for every key there is

# RFC 7515 §4.1.11: crit lists extensions, so none of the names that the base RFCs define
_REGISTERED = frozenset({
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",  # RFC 7515
    "enc", "zip",  # RFC 7516
    "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",  # RFC 7518
})  # fmt: skip


def split(token: str, segments: int) -> list[bytes]:
    """The segments of a compact token, still encoded.

    Raises:
        MalformedToken: it is no ASCII text, too long, or has another number of segments.
    """
    if not isinstance(token, str) or len(token) > MAX_TOKEN:
        raise MalformedToken
    try:
        parts = token.encode("ascii").split(b".", segments)
    except UnicodeEncodeError:
        raise MalformedToken from None
    if len(parts) != segments:
        raise MalformedToken("the token does not have the right number of segments")
    return parts


def decode(segment: bytes, critical: Collection[str]) -> dict[str, Any]:
    """The header in a token's first segment.

    Args:
        segment: still encoded.
        critical: the extensions that the caller understands (``crit``).

    Raises:
        MalformedToken: it is not a header, or has a critical extension that is not understood.
    """
    if len(segment) > MAX_HEADER:
        raise MalformedToken("the header is too long")
    header = strict_json.decode_object(base64url.decode_bytes(segment))
    if not isinstance(header.get("alg"), str):
        raise MalformedToken("the header has no alg")
    if not all(isinstance(header.get(name, ""), str) for name in ("kid", "typ", "cty")):
        raise MalformedToken("a member of the header has the wrong type")
    if "b64" in header:
        raise MalformedToken("the b64 extension (RFC 7797) is not supported")
    if "crit" in header and not _extensions(header) <= set(critical):
        raise MalformedToken("the header has a critical extension that is not understood")
    return header


def encode(own: Mapping[str, object], given: Mapping[str, Any] | None) -> bytes:
    """The first segment of a token, of the members that we set and those that the caller adds.

    Raises:
        Unissuable: a given member would override one of ours, is not what it must be, or is not JSON.
    """
    given = given or {}
    if own.keys() & given.keys():
        raise Unissuable("the header would override a member that is set already")
    try:
        segment = base64url.encode_bytes(msgspec.json.encode({**own, **given}))
        decode(segment, given.get("crit") or ())  # what nobody may read, nobody should write
    except (TypeError, ValueError, RecursionError, MalformedToken):
        raise Unissuable("the header is not one that may be read again") from None
    return segment


def candidates(keys: KeySource, header: Mapping[str, Any], operation: Operation) -> Sequence[Key]:
    """The keys that may fit a token.

    Raises:
        UnknownKey: there is none, or too many to try them all.
    """
    alg = header["alg"]
    found = [
        key
        for key in keys.find(header.get("kid"), alg)
        if key.answers_to(alg) and key.allows(operation)  # whatever the source takes for an answer
    ]
    if not found:
        raise UnknownKey
    if len(found) > _MAX_CANDIDATES:
        raise UnknownKey("the token does not say which key it was made with, and there are too many to try")
    return found


def check_critical(critical: Collection[str]) -> frozenset[str]:
    """The names of extensions that an application says it handles, as a set.

    Raises:
        InvalidSettings: one of them is no extension, or is not the application's to handle.
    """
    names = frozenset(critical)
    if isinstance(critical, str) or names & (_REGISTERED | {"b64"}):
        raise InvalidSettings("critical: names of header extensions that the application handles itself")
    return names


def _extensions(header: Mapping[str, Any]) -> set[str]:
    """The names in ``crit``, if it is what RFC 7515 §4.1.11 says."""
    names = header["crit"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise MalformedToken("crit is not a list of names")
    distinct = set(names)
    if len(distinct) != len(names) or distinct & _REGISTERED or not distinct <= header.keys():
        raise MalformedToken("crit names a member twice, a registered one, or one that is not there")
    return distinct
