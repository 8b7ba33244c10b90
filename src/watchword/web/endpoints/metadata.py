"""Publish the keys that verify our tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

from watchword.auth import Auth
from watchword.web.http import Request, Response

__all__ = ["MetadataEndpoints"]

# RFC 9110 §8.8.3
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


class MetadataEndpoints:
    """The endpoints for services that verify our tokens.

    Args:
        open_auth: returns the Auth.
    """

    def __init__(self, open_auth: Callable[[], Auth]) -> None:
        self._open_auth = open_auth

    def publish_keys(self, request: Request) -> Response:
        """Return the public keys, or a 304 to a client that has them (RFC 9110 §13.1.2)."""
        auth = self._open_auth()
        document = auth.find_published_keys().jwks_document
        tag = f'"{document.digest}"'
        headers = (
            ("Cache-Control", f"public, max-age={auth.jwks_max_age()}"),
            ("ETag", tag),
            ("Access-Control-Allow-Origin", "*"),  # Pages of any origin may verify tokens.
        )
        if _has_tag(request.find_header("if-none-match"), tag):
            return Response(304, b"", headers)
        return Response(200, document.body, (("Content-Type", "application/json"), *headers))


def _has_tag(if_none_match: str | None, tag: str) -> bool:
    """Return whether an ``If-None-Match`` header names an entity tag, by the weak comparison."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _ENTITY_TAG.findall(if_none_match)
