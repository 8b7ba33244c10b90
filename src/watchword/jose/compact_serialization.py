"""Split tokens in compact serialization (RFC 7515 §7.1, RFC 7516 §7.1)."""

from __future__ import annotations

from watchword.arguments import describe
from watchword.errors import MalformedToken

__all__ = ["MAX_TOKEN", "refuse_segments", "refuse_text", "split_token"]

MAX_TOKEN = 1_048_576
"""Longest token, in characters. A Verifier has its own, lower bound."""


def split_token(token: str, segments: int) -> list[bytes]:
    """Return the encoded segments of a compact token.

    Raises:
        MalformedToken: the token is not ASCII text, is too long, or has another number of segments.
    """
    if not isinstance(token, str) or len(token) > MAX_TOKEN:
        raise refuse_text(token, MAX_TOKEN)
    try:
        encoded = token.encode("ascii")
    except UnicodeEncodeError:
        raise refuse_text(token, MAX_TOKEN) from None
    parts = encoded.split(b".", segments)
    if len(parts) != segments:
        raise refuse_segments(encoded, segments)
    return parts


def refuse_text(token: object, longest: int) -> MalformedToken:
    """Make the error for a token that is not text, not ASCII, or too long."""
    if not isinstance(token, str):
        advice = ": decode it first" if isinstance(token, bytes) else ""
        return MalformedToken(f"the token must be a str, not {describe(token)}{advice}")
    if len(token) > longest:
        return MalformedToken(f"the token is longer than {longest} characters")
    return MalformedToken("the token contains a character that is not ASCII")


def refuse_segments(token: bytes, expected: int) -> MalformedToken:
    """Make the error for a token with another number of segments. Name the kind of token if it is known."""
    found = token.count(b".") + 1
    if not token:
        return MalformedToken("the token is empty")
    if token.lstrip().startswith(b"{"):
        return MalformedToken("the token is in JSON serialization, but a compact token is expected")
    if (found, expected) == (5, 3):
        return MalformedToken("this is an encrypted token (JWE), not a signed token (JWS)")
    if (found, expected) == (3, 5):
        return MalformedToken("this is a signed token (JWS), not an encrypted token (JWE)")
    return MalformedToken(
        f"the token must have {expected} segments with full stops between them, not {found}"
    )
