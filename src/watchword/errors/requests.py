"""Errors about the form of HTTP requests."""

from __future__ import annotations

from watchword.errors.root import WatchwordError

__all__ = [
    "BodyTooLarge",
    "BodyTooSlow",
    "InvalidClient",
    "InvalidRequest",
    "InvalidScope",
    "MalformedCredentials",
    "NotFound",
    "UnsupportedGrantType",
    "UnsupportedMediaType",
]


class InvalidRequest(WatchwordError):
    """The request does not have the documented form (RFC 6749 §5.2)."""

    code = "invalid_request"
    status = 400
    description = "the request is not of the expected form"


class MalformedCredentials(InvalidRequest):
    """The header for the token is not a single header with a token in it (RFC 6750 §3.1).

    Clients are told ``invalid_request``, with a challenge.
    """

    code = "malformed_credentials"
    description = "the header for the token is not a single header with a token in it"


class InvalidClient(WatchwordError):
    """The OAuth client is unknown, or authenticates by a method that is not supported (RFC 6749 §5.2).

    Attributes:
        has_basic: whether the client sent its credentials in the ``Authorization`` header.
    """

    code = "invalid_client"
    status = 401
    description = "the client is not known"

    def __init__(self, message: str | None = None, *, has_basic: bool = False) -> None:
        super().__init__(message)
        self.has_basic = has_basic


class UnsupportedGrantType(WatchwordError):
    """The token endpoint does not offer the grant (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"
    status = 400
    description = "the grant_type is not supported: it must be refresh_token"


class InvalidScope(WatchwordError):
    """The client asks for a scope that the session is not granted, or for text that is no scope."""

    code = "invalid_scope"
    status = 400
    description = "the session is not granted the scopes that are asked for"


class NotFound(WatchwordError):
    """The resource does not exist, or the client may not see it."""

    code = "not_found"
    status = 404
    description = "there is nothing here"


class BodyTooLarge(WatchwordError):
    """The body is longer than the setting ``max_body`` allows."""

    code = "body_too_large"
    status = 413
    description = "the request body is too large"


class BodyTooSlow(WatchwordError):
    """The body did not come in the time that the server waits for it."""

    code = "body_too_slow"
    status = 408
    description = "the request body did not come in time"


class UnsupportedMediaType(WatchwordError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"
    status = 415
    description = "the request body must be application/json"
