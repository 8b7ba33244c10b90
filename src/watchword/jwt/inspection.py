"""Look into a token without believing it."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.jose import base64url, strict_json
from watchword.jose.header import split

__all__ = ["Inspection", "inspect"]


class Inspection(msgspec.Struct, frozen=True):
    """What an UNVERIFIED token says: anybody may have written it. For people's eyes, never for decisions.

    Attributes:
        header: the unverified header.
        claims: the unverified claims.
    """

    header: dict[str, Any]
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return f"<UNVERIFIED header={self.header!r} claims={self.claims!r}>"


def inspect(token: str) -> Inspection:
    """What a signed token says, UNVERIFIED: no key, no signature, no time is looked at.

    Raises:
        MalformedToken: it is not a compact JWS with claims in it.
    """
    header, claims, _ = (base64url.decode_bytes(segment) for segment in split(token, 3))
    return Inspection(strict_json.decode_object(header), strict_json.decode_object(claims))
