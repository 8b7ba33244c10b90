"""Comparisons of single claims with what a request brought along."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from typing import Any

from watchword.arguments import describe, is_name
from watchword.errors import InvalidClaims, InvalidSettings, MalformedClaim, MissingClaim

__all__ = ["check_identifiers", "check_optional_texts", "check_texts", "differs", "octets"]


def check_texts(**arguments: object) -> None:
    """Return if each of the arguments is a string.

    Raises:
        InvalidSettings: one of them is something else.
    """
    for argument, value in arguments.items():
        if not isinstance(value, str):
            raise InvalidSettings(f"{argument} must be a string, not {describe(value)}")


def check_optional_texts(**arguments: object) -> None:
    """As :func:`check_texts`, but for those that are ``None``."""
    check_texts(**{argument: value for argument, value in arguments.items() if value is not None})


def check_identifiers(**arguments: object) -> None:
    """Return if each of the arguments is a non-empty string: ``None`` would accept anything.

    Raises:
        InvalidSettings: one of them is something else.
    """
    for argument, value in arguments.items():
        if not is_name(value):
            raise InvalidSettings(f"{argument} must be a non-empty string, not {describe(value)}")


def differs(claims: Mapping[str, Any], name: str, *expected: str) -> Collection[InvalidClaims]:
    """What is wrong with a claim that must be one of some texts; nothing, if it is one of them."""
    value = claims.get(name)
    if value is None:
        return [MissingClaim(claim=name)]
    if not isinstance(value, str):
        return [MalformedClaim(claim=name)]
    # in constant time, as what is expected may be a secret, such as a nonce
    if any(hmac.compare_digest(octets(value), octets(text)) for text in expected):
        return []
    return [InvalidClaims("a claim does not belong to this request", claim=name)]


def octets(text: str) -> bytes:
    """Any text at all as bytes; what is no Unicode comes from a request, and equals nothing in a token."""
    return text.encode("utf-8", "surrogatepass")
