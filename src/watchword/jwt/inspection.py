"""Look into a token without believing it."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.jose import base64url, strict_json
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import read_unverified

__all__ = ["Inspection", "inspect_unverified"]

_DOTS_OF_JWE = 4  # RFC 7516 §9: the number of segments tells a JWE from a JWS


class Inspection(msgspec.Struct, frozen=True):
    """What an UNVERIFIED token says: anybody may have written it. For people's eyes, never for decisions.

    Attributes:
        header: the unverified header.
        claims: the unverified claims; none are shown of an encrypted token.
        is_encrypted: whether this is an encrypted token (JWE), whose claims only its reader can see.
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    is_encrypted: bool = False

    def __repr__(self) -> str:
        claims = "encrypted" if self.is_encrypted else repr(self.claims)
        return f"<UNVERIFIED header={self.header!r} claims={claims}>"


def inspect_unverified(token: str) -> Inspection:
    """Show what a token says, UNVERIFIED: no key, no signature, no time is looked at.

    Of an encrypted token (JWE) only the header is shown.

    Raises:
        MalformedToken: it is neither a compact JWS with claims in it nor a compact JWE.
    """
    if isinstance(token, str) and token.count(".") == _DOTS_OF_JWE:
        header, *rest = split_token(token, _DOTS_OF_JWE + 1)
        for segment in rest:
            base64url.decode_bytes(segment)
        return Inspection(read_unverified(header), {}, is_encrypted=True)
    header, claims, signature = split_token(token, 3)
    base64url.decode_bytes(signature)
    return Inspection(read_unverified(header), strict_json.decode_object(base64url.decode_bytes(claims)))
