"""Make responses of JSON and of errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from watchword.errors import Throttled, Unavailable, WatchwordError
from watchword.web.credentials import to_challenge, to_public_code
from watchword.web.http import Response

__all__ = ["to_error_response", "to_head_response", "to_json_response"]


def to_error_response(error: WatchwordError, resource_metadata: str | None = None) -> Response:
    """Return the response for an error (RFC 6749 §5.2, RFC 6750 §3.1).

    Args:
        error: the error. Without a status it is a mistake of the application, and its response is a 500 that
            tells nothing.
        resource_metadata: the URL of the metadata of what was asked for, which a challenge names.
    """
    if error.status is None:
        return to_json_response(
            500, {"error": "server_error", "error_description": "something went wrong here"}
        )
    headers = []
    if (challenge := to_challenge(error, resource_metadata)) is not None:
        headers.append(("WWW-Authenticate", challenge))
    if isinstance(error, Throttled | Unavailable):
        headers.append(("Retry-After", str(max(1, math.ceil(error.retry_after)))))
    body = {"error": to_public_code(error), "error_description": str(error)}
    return to_json_response(error.status, body, headers)


def to_head_response(response: Response) -> Response:
    """Return the response to ``HEAD`` for a response to ``GET``: the same headers without the body.

    ``Content-Length`` is the length of the body that a ``GET`` would get (RFC 9110 §8.6). A framework that
    counts the missing body would send zero.
    """
    if not response.body:
        return response
    length = ("Content-Length", str(len(response.body)))
    return msgspec.structs.replace(response, body=b"", headers=(*response.headers, length))


def to_json_response(status: int, content: Any, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Return a response that no cache may keep."""
    return Response(
        status,
        msgspec.json.encode(content),
        (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers),
    )
