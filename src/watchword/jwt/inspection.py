"""Inspect a token without verifying it."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.jose import base64url, strict_json
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import read_unverified

__all__ = ["Inspection", "inspect_unverified"]

_DOTS_OF_JWE = 4  # The number of segments tells a JWE from a JWS (RFC 7516 §9).


class Inspection(msgspec.Struct, frozen=True):
    """The content of an UNVERIFIED token, which an attacker may have written. Never decide by it.

    Attributes:
        header: the unverified header.
        claims: the unverified claims. Empty for an encrypted token.
        is_encrypted: whether the token is encrypted (JWE). Only the holder of a key can read its claims.
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    is_encrypted: bool = False

    def __repr__(self) -> str:
        claims = "encrypted" if self.is_encrypted else repr(self.claims)
        return f"<UNVERIFIED header={self.header!r} claims={claims}>"


def inspect_unverified(token: str) -> Inspection:
    """Return the content of a token, UNVERIFIED: no signature and no claim is checked.

    The content of an encrypted token (JWE) is its header only.

    Raises:
        MalformedToken: the token is neither a compact JWS with claims inside nor a compact JWE.
    """
    if isinstance(token, str) and token.count(".") == _DOTS_OF_JWE:
        header, *rest = split_token(token, _DOTS_OF_JWE + 1)
        for segment in rest:
            base64url.decode_bytes(segment)
        return Inspection(read_unverified(header), {}, is_encrypted=True)
    header, claims, signature = split_token(token, 3)
    base64url.decode_bytes(signature)
    return Inspection(read_unverified(header), strict_json.decode_object(base64url.decode_bytes(claims)))
