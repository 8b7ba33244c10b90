"""Find the bearer token of a request, and tell a client what a refused request lacks (RFC 6750)."""

from __future__ import annotations

import re

from watchword.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    MalformedCredentials,
    MalformedToken,
    MissingToken,
    StaleAuthentication,
    WatchwordError,
    WrongType,
)
from watchword.jwt.inspection import inspect_unverified
from watchword.web.http import Request

__all__ = ["find_bearer_token", "refuse_refresh_token", "to_challenge", "to_public_code"]

# RFC 9110 §11.4: a scheme other than Bearer, and parameters with commas between them.
_PARAMETERS = re.compile(
    r"[ \t]*+(?!bearer\b)[\w-]++ ++"
    r'(?:[\w-]++[ \t]*+=[ \t]*+(?:"(?:[^"\\]|\\.)*+"|[^",\s]*+)[ \t]*+(?:,[ \t]*+|\Z))++',
    re.IGNORECASE | re.ASCII,
)
_UNQUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


def find_bearer_token(request: Request, token_header: str = "Authorization") -> str | None:  # noqa: S107
    """Return the token of the ``Authorization`` header (RFC 6750 §2.1), or of the header that is set.

    The letter case of the scheme does not matter. In another header than ``Authorization`` the scheme may be
    missing.

    Args:
        request: the request.
        token_header: the name of the header.

    Returns:
        The token, or ``None`` without a header, or with credentials of another scheme.

    Raises:
        MalformedCredentials: there are several headers, or a ``Bearer`` without a token.
    """
    value = request.find_header(token_header)
    if value is None:
        return None
    if "," in value and not _PARAMETERS.fullmatch(value):
        # No token has a comma in it. With two headers a proxy may have checked the other header.
        raise MalformedCredentials(f"more than one {token_header} header")
    scheme, _, token = value.strip(" \t").partition(" ")
    if scheme != "Bearer" and scheme.lower() != "bearer":
        if token_header.lower() == "authorization":
            return None
        token = value  # Only Authorization may hold credentials of other schemes.
    token = token.strip(" \t")
    if not token:
        raise MalformedCredentials(f"the {token_header} header has no token in it")
    return token


def refuse_refresh_token(token: str) -> None:
    """Tell a client that has sent a refresh token of ours as a bearer token where it belongs.

    The header of the token is not verified. It decides only about the message.

    Raises:
        WrongType: the token says that it is a refresh token.
    """
    try:
        is_refresh_token = inspect_unverified(token).header.get("typ") == "rt+jwt"
    except MalformedToken:
        return
    if is_refresh_token:
        raise WrongType(
            "this is a refresh token. Send the access token here, "
            "and the refresh token in the body of a refresh",
            claim="typ",
        )


def to_challenge(error: WatchwordError, resource_metadata: str | None = None) -> str | None:
    """Return the ``WWW-Authenticate`` header for an error, if it needs one (RFC 6750 §3, RFC 9470 §3).

    Args:
        error: why the request is refused.
        resource_metadata: the URL of the metadata of what was asked for (RFC 9728 §5.1).
    """
    if isinstance(error, InvalidClient) and error.has_basic:
        return 'Basic realm="token"'  # RFC 6749 §5.2: the scheme that the client has used.
    parameters = _list_parameters(error)
    if parameters is None:
        return None
    if resource_metadata is not None:
        parameters["resource_metadata"] = resource_metadata
    return " ".join(["Bearer", ", ".join(f'{name}="{value}"' for name, value in parameters.items())]).rstrip()


def _list_parameters(error: WatchwordError) -> dict[str, str] | None:
    """Return the parameters of the challenge for an error, or ``None`` if a token would not help."""
    if isinstance(error, MissingToken):
        return {}  # There is no error code, because the client may not know that a token is needed.
    if isinstance(error, InsufficientScope):
        return {"error": error.code, "scope": " ".join(error.scopes)}
    if not isinstance(error, InvalidToken | MalformedCredentials):
        return None
    parameters = {"error": to_public_code(error), "error_description": _quote(error)}
    if isinstance(error, StaleAuthentication):
        parameters["max_age"] = str(error.max_age)
    return parameters


def to_public_code(error: WatchwordError) -> str:
    """Return the error code for clients. RFC 6750 has a single code for all that is wrong with a token."""
    if isinstance(error, MalformedCredentials):
        return InvalidRequest.code
    if isinstance(error, InvalidToken) and not isinstance(error, MissingToken | StaleAuthentication):
        return InvalidToken.code
    return error.code


def _quote(error: WatchwordError) -> str:
    """Return the message of an error in the characters of RFC 6750 §3. An application may use others."""
    return _UNQUOTABLE.sub("?", str(error))
