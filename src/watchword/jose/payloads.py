"""The payload of a JWS: in base64url, or unencoded if the header says ``b64: false`` (RFC 7797)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watchword.errors import MalformedToken, Unissuable
from watchword.jose import base64url
from watchword.jose.compact_serialization import MAX_TOKEN
from watchword.jose.json_serialization import read_segment

__all__ = ["encode_payload", "is_compact", "is_encoded", "read_payload", "to_text"]

# RFC 7797 §5.2: printable ASCII without full stops, which separate the segments.
_COMPACT = re.compile(rb"[\x20-\x2d\x2f-\x7e]*+")


def is_encoded(header: Mapping[str, object] | None) -> bool:
    """Return whether the payload is in base64url (RFC 7797 §3)."""
    return header is None or header.get("b64") is not False


def is_compact(content: bytes) -> bool:
    """Return whether an unencoded payload can stand in a compact token (RFC 7797 §5.2)."""
    return _COMPACT.fullmatch(content) is not None


def encode_payload(payload: bytes, *, encoded: bool) -> bytes:
    """Return the payload as it is signed."""
    return base64url.encode_bytes(payload) if encoded else bytes(payload)  # It may be a memoryview.


def to_text(content: bytes) -> str:
    """Return the signed form of a payload as a member of a token in JSON serialization.

    Raises:
        Unissuable: it is not UTF-8.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unissuable("an unencoded payload in a token must be UTF-8") from None


def read_payload(members: Mapping[str, Any], *, encoded: bool) -> bytes:
    """Return the signed form of the payload of a token in JSON serialization.

    Raises:
        MalformedToken: the member is not a string, not Unicode, or too long.
    """
    if encoded:
        return read_segment(members, "payload")
    text = members["payload"]
    if not isinstance(text, str) or len(text) > MAX_TOKEN:
        raise MalformedToken("the payload is not a string, or too long")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MalformedToken("the payload is not Unicode") from None
