"""Where in a request a token may stand, and how a request without a good one is answered (RFC 6750)."""

from __future__ import annotations

import re

from watchword.errors import (
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MalformedToken,
    MissingToken,
    StaleAuthentication,
    UnknownKey,
    WatchwordError,
    WrongType,
)
from watchword.jwt.inspection import inspect_unverified

__all__ = ["bearer_token", "challenge", "explain", "public_code"]

_UNQUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


def bearer_token(authorization: str | None) -> str:
    """The token in an ``Authorization`` header (RFC 6750 §2.1); the scheme's letter case does not matter.

    Args:
        authorization: the header's value; several headers joined by commas, as WSGI does.

    Raises:
        MissingToken: there is none, or it is of another scheme.
        InvalidRequest: there is more than one, or a ``Bearer`` without a token.
    """
    scheme, _, token = (authorization or "").strip(" \t").partition(" ")
    if "," in (authorization or ""):
        # no token has a comma in it: two headers, of which a proxy may have looked at the other one
        raise InvalidRequest("more than one Authorization header")
    if scheme.lower() != "bearer":
        raise MissingToken
    token = token.strip(" ")
    if not token:
        raise InvalidRequest("the Authorization header has no token in it")
    return token


def explain(error: WatchwordError, token: str) -> WatchwordError:
    """Return an error that says what to send instead, if a client sent one of our refresh tokens as a bearer.

    The answer depends on an unverified header. It grants nothing.
    """
    if not isinstance(error, UnknownKey | WrongType):
        return error
    try:
        typ = inspect_unverified(token).header.get("typ")
    except MalformedToken:
        return error
    if typ != "rt+jwt":
        return error
    return WrongType(
        "this is a refresh token. Send the access token here, and the refresh token in the body of a refresh",
        claim="typ",
    )


def challenge(error: WatchwordError) -> str | None:
    """The ``WWW-Authenticate`` header that belongs to an error, if one does (RFC 6750 §3, RFC 9470 §3)."""
    if isinstance(error, MissingToken):
        return "Bearer"  # no error code: the client may not have known that a token is needed
    if isinstance(error, InsufficientScope):
        return f'Bearer error="insufficient_scope", scope="{" ".join(error.scopes)}"'
    if isinstance(error, StaleAuthentication):
        return (
            f'Bearer error="{error.code}", error_description="{_quotable(error)}", max_age="{error.max_age}"'
        )
    if isinstance(error, InvalidToken):
        return f'Bearer error="{public_code(error)}", error_description="{_quotable(error)}"'
    return None


def _quotable(error: WatchwordError) -> str:
    """The message of an error in the characters of RFC 6750 §3. That of an application may have others."""
    return _UNQUOTABLE.sub("?", str(error))


def public_code(error: WatchwordError) -> str:
    """The error code that a client sees: RFC 6750's one name for everything that is wrong with a token."""
    if isinstance(error, InvalidToken) and not isinstance(error, MissingToken | StaleAuthentication):
        return InvalidToken.code
    return error.code
