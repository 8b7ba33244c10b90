"""Compare single claims with the values of a request, and check the arguments of profiles."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from typing import Any

from watchword.arguments import describe, is_name
from watchword.errors import InvalidClaims, InvalidSettings, MalformedClaim, MissingClaim

__all__ = ["check_identifiers", "check_optional_texts", "check_texts", "compare_claim", "to_octets"]


def check_texts(**arguments: object) -> None:
    """Return if each of the arguments is a string.

    Raises:
        InvalidSettings: an argument is something else.
    """
    for argument, value in arguments.items():
        if not isinstance(value, str):
            raise InvalidSettings(f"{argument} must be a string, not {describe(value)}")


def check_optional_texts(**arguments: object) -> None:
    """Return if each of the arguments is a string or ``None``."""
    check_texts(**{argument: value for argument, value in arguments.items() if value is not None})


def check_identifiers(**arguments: object) -> None:
    """Return if each of the arguments is a non-empty string. ``None`` would turn a check off.

    Raises:
        InvalidSettings: an argument is something else.
    """
    for argument, value in arguments.items():
        if not is_name(value):
            raise InvalidSettings(f"{argument} must be a non-empty string, not {describe(value)}")


def compare_claim(claims: Mapping[str, Any], name: str, *expected: str) -> Collection[InvalidClaims]:
    """Compare a claim with the accepted values. Return its error, or nothing if it equals any of them."""
    value = claims.get(name)
    if value is None:
        return [MissingClaim(claim=name)]
    if not isinstance(value, str):
        return [MalformedClaim(claim=name)]
    # In constant time, because an expected value may be a secret, such as a nonce.
    if any(hmac.compare_digest(to_octets(value), to_octets(text)) for text in expected):
        return []
    return [InvalidClaims("a claim does not belong to this request", claim=name)]


def to_octets(text: str) -> bytes:
    """Convert any text to bytes. Text of a request that is not Unicode equals no text in a token."""
    return text.encode("utf-8", "surrogatepass")
