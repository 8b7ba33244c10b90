"""Comparisons of single claims with what a request brought along."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from typing import Any

from watchword.errors import InvalidClaims, MalformedClaim, MissingClaim

__all__ = ["differs", "octets"]


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
