"""Public JSON documents: encoded once, and not sent again to a client that has them."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

import msgspec

from watchword.jose import base64url
from watchword.web.http import Request, Response

__all__ = ["PublicDocument"]

# RFC 9110 §8.8.3
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


class PublicDocument(NamedTuple):
    """A JSON document that every client may read.

    Attributes:
        body: its JSON.
        digest: the SHA-256 of the body in base64url.
    """

    body: bytes
    digest: str

    @classmethod
    def from_content(cls, content: object) -> PublicDocument:
        """Encode a document."""
        body = msgspec.json.encode(content)
        return cls(body, base64url.encode(sha256(body).digest()))

    def to_response(self, request: Request, max_age: int) -> Response:
        """Return the document, or a 304 to a client that has it (RFC 9110 §13.1.2).

        Args:
            request: the request for the document.
            max_age: for how many seconds the client may cache it.
        """
        tag = f'"{self.digest}"'
        headers = (
            ("Cache-Control", f"public, max-age={max_age}"),
            ("ETag", tag),
            ("Access-Control-Allow-Origin", "*"),  # Pages of any origin may verify tokens.
        )
        if _has_tag(request.find_header("if-none-match"), tag):
            return Response(304, b"", headers)
        return Response(200, self.body, (("Content-Type", "application/json"), *headers))


def _has_tag(if_none_match: str | None, tag: str) -> bool:
    """Return whether an ``If-None-Match`` header names an entity tag, by the weak comparison."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _ENTITY_TAG.findall(if_none_match)
