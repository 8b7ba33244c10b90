"""Read tokens in JSON serialization (RFC 7515 §7.2, RFC 7516 §7.2).

A token with a single signature or recipient may be flattened. A general token has an array of them.
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
"""Most signatures or recipients of a token. Each may cost several attempts with keys."""


def read_members(token: JsonToken) -> Mapping[str, Any]:
    """Return the members of a token.

    Raises:
        MalformedToken: the token is not a JSON object, or too long.
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
    """Return the signatures or recipients of a token. A flattened token is its own only entry.

    Args:
        token: the members of the token.
        name: the name of the array.
        flattened: the members that a flattened token has instead.

    Raises:
        MalformedToken: the array is empty or too long, an entry is not an object, or the token mixes both
            forms.
    """
    if name not in token:
        return [token]
    found = token[name]
    if any(member in token for member in flattened):
        raise MalformedToken("the token mixes flattened and general serialization")
    if not isinstance(found, list | tuple) or not 0 < len(found) <= MAX_PARTIES:
        raise MalformedToken(f"the token must have between 1 and {MAX_PARTIES} signatures or recipients")
    if not all(isinstance(party, Mapping) for party in found):
        raise MalformedToken("a signature or recipient is not an object")
    return found


def read_segment(part: Mapping[str, Any], name: str) -> bytes:
    """Return a member that is base64url text, still encoded.

    Raises:
        MalformedToken: the member is missing, not ASCII text, or too long.
    """
    text = part.get(name)
    if not isinstance(text, str) or len(text) > MAX_TOKEN:
        raise MalformedToken("a member of the token is missing or not a string")
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("a member of the token is not base64url") from None
