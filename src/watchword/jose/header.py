"""Read, check and write the header of a token (RFC 7515 §4, RFC 7516 §4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from watchword.arguments import describe, describe_names
from watchword.errors import InvalidSettings, MalformedToken, Unissuable
from watchword.jose import base64url, strict_json

__all__ = [
    "MAX_HEADER",
    "check_critical",
    "check_given",
    "copy_unprotected",
    "decode_header",
    "decode_protected",
    "encode_header",
    "merge_parts",
    "read_unverified",
]

MAX_HEADER = 8_192
"""Longest header, in base64url characters. It is read before the token is verified."""

# RFC 7515 §4.1.11: crit must not list the names that the base RFCs define.
_REGISTERED = frozenset({
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",  # RFC 7515
    "enc", "zip",  # RFC 7516
    "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",  # RFC 7518
})  # fmt: skip

_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("alg", "kid", "typ", "cty", "jku", "x5u", "x5t", "x5t#S256", "enc", "zip"), str),
    "jwk": dict,
    "x5c": list,
    "b64": bool,
}

_HANDLED_HERE = frozenset({"b64"})  # RFC 7797: an extension that jose handles, not the caller

# RFC 7515 §4.1.11, RFC 7516 §4.1.3, RFC 7797 §3: an attacker must not be able to change them.
_ALWAYS_PROTECTED = frozenset({"crit", "zip", "b64"})


def decode_header(segment: bytes, critical: Collection[str]) -> dict[str, Any]:
    """Decode the header of a compact token.

    Args:
        segment: the encoded header.
        critical: the extensions that are understood (``crit``).

    Raises:
        MalformedToken: it is not a header, or has a critical extension that is not understood.
    """
    return merge_parts(decode_protected(segment, critical))


def decode_protected(segment: bytes, critical: Collection[str]) -> dict[str, Any]:
    """Decode the protected part of a header. In JSON serialization there may be other parts.

    Args:
        segment: the encoded part.
        critical: the extensions that are understood (``crit``).

    Raises:
        MalformedToken: it is not an object, or has a critical extension that is not understood.
    """
    members = read_unverified(segment)
    if not members:  # RFC 7515 §7.2.1: an empty part must be absent
        raise MalformedToken("the header is empty")
    extensions = _read_critical(members) if "crit" in members else set()
    if not extensions <= set(critical):
        raise MalformedToken("the header has a critical extension that is not understood")
    if "b64" in members and "b64" not in extensions:  # RFC 7797 §6
        raise MalformedToken("b64 is not among the critical extensions")
    return members


def read_unverified(segment: bytes) -> dict[str, Any]:
    """Decode the members of a header without any check of them.

    Raises:
        MalformedToken: it is not a JSON object in base64url, or too long.
    """
    if len(segment) > MAX_HEADER:
        raise MalformedToken("the header is too long")
    if segment[:7].lower() == b"bearer ":
        raise MalformedToken("the token has 'Bearer ' in front of it, which is not part of the token")
    return strict_json.decode_object(base64url.decode_bytes(segment))


def merge_parts(protected: Mapping[str, Any], *unprotected: object) -> dict[str, Any]:
    """Merge the parts of a header (RFC 7515 §4, RFC 7516 §4), and check the types of its members.

    Args:
        protected: the members that are signed or authenticated.
        unprotected: the other parts of a token in JSON serialization.

    Raises:
        MalformedToken: a part is empty or not an object, or two parts have the same member. Or a member has
            the wrong type or must be protected, or ``alg`` is missing.
    """
    header = dict(protected)
    for part in unprotected:
        if not isinstance(part, Mapping) or not part:
            raise MalformedToken("a part of the header is empty or not an object")
        if part.keys() & (header.keys() | _ALWAYS_PROTECTED):
            raise MalformedToken(
                "the header names a member twice, or has an unprotected member that must be protected"
            )
        header.update(part)
    if "alg" not in header:
        raise MalformedToken("the header has no alg")
    if not all(isinstance(value, _TYPES.get(name, object)) for name, value in header.items()):
        raise MalformedToken("a member of the header has the wrong type")
    return header


def encode_header(
    own: Mapping[str, object],
    given: Mapping[str, Any] | None,
    *unprotected: Mapping[str, Any],
    understood: frozenset[str] = frozenset(),
) -> bytes:
    """Encode a header, and check that it can be read again.

    Args:
        own: the members that Watchword sets.
        given: the members that the caller adds.
        unprotected: the other parts in JSON serialization.
        understood: the extensions that are applied to this token (``b64``).

    Raises:
        Unissuable: a given member would override an own member, is malformed, or is not JSON.
    """
    given = check_given(given)
    if ours := sorted(own.keys() & given.keys()):
        raise Unissuable(f"the header would override {ours[0]}, which is set already")
    try:
        segment = base64url.encode_bytes(strict_json.encode_object({**own, **given}))
        # Do not write a header that readers must refuse.
        extensions = frozenset(given.get("crit") or ()) - _HANDLED_HERE | understood
        merge_parts(decode_protected(segment, extensions), *unprotected)
    except MalformedToken as error:
        raise Unissuable(f"the header could not be read again: {error}") from None
    except (TypeError, ValueError, RecursionError):
        raise Unissuable("the header could not be read again: crit is not a list of names") from None
    return segment


def check_given(header: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the header that a caller gave. ``None`` becomes an empty header.

    Raises:
        Unissuable: the header is not a mapping.
    """
    if header is None:
        return {}
    if not isinstance(header, Mapping):
        raise Unissuable(f"the header must be a mapping, not {describe(header)}")
    return header


def copy_unprotected(unprotected: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a caller's unprotected header, as a reader of the token will see it.

    Raises:
        Unissuable: the header is not JSON.
    """
    if not isinstance(unprotected, Mapping):
        raise Unissuable(f"the unprotected header must be a mapping, not {describe(unprotected)}")
    try:
        return strict_json.decode_object(strict_json.encode_object(unprotected))
    except MalformedToken:
        raise Unissuable("the unprotected header could not be read again") from None


def check_critical(critical: Collection[str]) -> frozenset[str]:
    """Return the names of extensions that an application handles, as a set.

    Raises:
        InvalidSettings: a name is not an extension, or Watchword handles it.
    """
    if (
        isinstance(critical, str)
        or not isinstance(critical, Collection)
        or not all(isinstance(name, str) for name in critical)
    ):
        raise InvalidSettings(
            "critical must be a collection of names of header extensions, "
            f"not {describe_names(critical, lambda name: isinstance(name, str))}"
        )
    names = frozenset(critical)
    if ours := sorted(names & (_REGISTERED | _HANDLED_HERE)):
        raise InvalidSettings(
            f"critical must name extensions that the application handles itself, not {ours[0]}"
        )
    return names


def _read_critical(header: Mapping[str, Any]) -> set[str]:
    """Return the names in ``crit`` (RFC 7515 §4.1.11)."""
    names = header["crit"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise MalformedToken("crit is not a list of names")
    distinct = set(names)
    if len(distinct) != len(names) or distinct & _REGISTERED or not distinct <= header.keys():
        raise MalformedToken("crit names a member twice, a registered member, or a missing member")
    return distinct
