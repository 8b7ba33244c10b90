"""Tokens in JSON serialization, taken apart before anything in them is believed (RFC 7515 and 7516, §7.2).

Flattened where there is one signature or recipient, general where there are several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from watchword.arguments import describe
from watchword.errors import MalformedToken
from watchword.jose import strict_json
from watchword.jose.compact_serialization import MAX_TOKEN

__all__ = ["MAX_PARTIES", "JsonToken", "read_members", "read_parties", "read_segment"]

JsonToken: TypeAlias = Mapping[str, Any] | str | bytes
"""The members of a token in JSON serialization, or its text."""

MAX_PARTIES = 16
"""Most signatures, or recipients, of one token: each may cost a few attempts with a key."""


def read_members(token: JsonToken) -> Mapping[str, Any]:
    """The members of a token.

    Raises:
        MalformedToken: it is no JSON object, or too long.
    """
    if isinstance(token, Mapping):
        return token
    if not isinstance(token, str | bytes):
        raise MalformedToken(
            f"the token must be a mapping, or its JSON as str or bytes, not {describe(token)}"
        )
    if len(token) > MAX_TOKEN:
        raise MalformedToken(f"the token is longer than {MAX_TOKEN} characters")
    try:
        return strict_json.decode_object(token.encode() if isinstance(token, str) else token)
    except UnicodeEncodeError:
        raise MalformedToken("not a JSON object in UTF-8") from None


def read_parties(
    token: Mapping[str, Any], name: str, flattened: Sequence[str]
) -> Sequence[Mapping[str, Any]]:
    """The signatures or recipients of a token: those in the array, or the token itself, the only one.

    Args:
        token: its members.
        name: of the array.
        flattened: the members that stand in the token itself where there is no array.

    Raises:
        MalformedToken: there are none or too many, one is no object, or the token mixes both forms.
    """
    if name not in token:
        return [token]
    found = token[name]
    if any(member in token for member in flattened):
        raise MalformedToken("the token mixes flattened and general serialization")
    if not isinstance(found, list | tuple) or not 0 < len(found) <= MAX_PARTIES:
        raise MalformedToken(f"the token does not have between 1 and {MAX_PARTIES} signatures or recipients")
    if not all(isinstance(party, Mapping) for party in found):
        raise MalformedToken("a signature or recipient is not an object")
    return found


def read_segment(part: Mapping[str, Any], name: str) -> bytes:
    """A member that is base64url text, still encoded.

    Raises:
        MalformedToken: it is missing, no ASCII text, or too long.
    """
    text = part.get(name)
    if not isinstance(text, str) or len(text) > MAX_TOKEN:
        raise MalformedToken("a member of the token is missing or not a string")
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("a member of the token is not base64url") from None
