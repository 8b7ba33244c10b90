"""What the OpenAPI document says about our endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Operation", "describe_operation"]

Schema = dict[str, Any]


class Operation(NamedTuple):
    """The documentation of an endpoint.

    Attributes:
        summary: what it does, in a few words.
        status: the status of success.
        result: the schema of the body of success. ``None`` without a body.
        body: the members of the request body, each with whether it is required. ``None`` without a body.
        media_type: the media type of the request body.
        is_locked: whether it needs an access token.
        errors: the statuses of its errors, beside those that every endpoint has.
    """

    summary: str
    status: int = 200
    result: Schema | None = None
    body: Mapping[str, bool] | None = None
    media_type: str = "application/json"
    is_locked: bool = False
    errors: Sequence[int] = ()

    def to_arguments(self, path_parameters: Sequence[str]) -> dict[str, Any]:
        """Return the arguments of ``add_api_route`` that document the endpoint."""
        extra: dict[str, Any] = {}
        if self.body is not None:
            extra["requestBody"] = self._describe_body(self.body)
        if path_parameters:
            extra["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in path_parameters
            ]
        content = {} if self.result is None else {"content": {"application/json": {"schema": self.result}}}
        statuses = sorted(
            {*self.errors, *((401,) if self.is_locked else ()), *((413,) if self.body else ()), 503}
        )
        return {
            "summary": self.summary,
            "status_code": self.status,
            "responses": {
                self.status: {"description": "Success", **content},
                **{status: _describe_error(status) for status in statuses},
            },
            "openapi_extra": extra,
        }

    def _describe_body(self, members: Mapping[str, bool]) -> dict[str, Any]:
        required = [name for name, is_required in members.items() if is_required]
        schema = _describe_object(dict.fromkeys(members, _TEXT), required)
        return {"required": bool(required), "content": {self.media_type: {"schema": schema}}}


def describe_operation(name: str) -> Operation:
    """Return the documentation of an endpoint by its name."""
    return _OPERATIONS.get(name, Operation(name.replace("_", " ").capitalize()))


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_DESCRIPTIONS = {
    400: "The request does not have the expected form, or the grant is not valid",
    401: "The credentials are missing or not valid",
    403: "The token does not grant the required scopes",
    404: "There is no such resource",
    413: "The body is too large",
    415: "The body has another media type",
    429: "There were too many attempts",
    503: "The store does not answer",
}


def _describe_object(properties: Mapping[str, Schema], required: Sequence[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
    }


def _describe_error(status: int) -> dict[str, Any]:
    error = _describe_object({"error": _TEXT, "error_description": _TEXT})
    return {"description": _DESCRIPTIONS[status], "content": {"application/json": {"schema": error}}}


_TOKENS = _describe_object(
    {
        "access_token": _TEXT,
        "token_type": _TEXT,
        "expires_in": {"type": "integer"},
        "refresh_token": _TEXT,
        "refresh_expires_in": {"type": "integer"},
        "scope": _TEXT,
    },
)

_CALLER = _describe_object(
    {
        "subject": _TEXT,
        "username": _TEXT,
        "session": _TEXT,
        "scope": _TEXT,
        "authenticated_at": _NUMBER,
        "expires_at": _NUMBER,
    }
)

_SESSION = _describe_object(
    {
        "id": _TEXT,
        "created_at": _NUMBER,
        "last_used_at": _NUMBER,
        "user_agent": {"type": ["string", "null"]},
        "ip_address": {"type": ["string", "null"]},
        "current": {"type": "boolean"},
    }
)

_FORM = "application/x-www-form-urlencoded"
_DOCUMENT: Schema = {"type": "object"}

_OPERATIONS = {
    "login": Operation(
        "Log in",
        result=_TOKENS,
        body={"username": True, "password": True},
        errors=(400, 401, 415, 429),
    ),
    "refresh": Operation(
        "Exchange a refresh token", result=_TOKENS, body={"refresh_token": True}, errors=(400, 415)
    ),
    "logout": Operation(
        "End the session of a token",
        status=204,
        body={"refresh_token": False},
        is_locked=True,
        errors=(400, 415),
    ),
    "logout_all": Operation("End all sessions of the caller", status=204, is_locked=True),
    "me": Operation("Describe the caller", result=_CALLER, is_locked=True),
    "sessions": Operation(
        "List the sessions of the caller",
        result=_describe_object({"sessions": {"type": "array", "items": _SESSION}}),
        is_locked=True,
    ),
    "end_session": Operation("End a session of the caller", status=204, is_locked=True, errors=(404,)),
    "check": Operation("Check a token for a gateway", status=204, is_locked=True, errors=(403,)),
    "jwks": Operation("Publish the keys that verify the tokens", result=_DOCUMENT),
    "metadata": Operation("Describe the issuer", result=_DOCUMENT),
    "token": Operation(
        "Exchange a refresh token, as a form (RFC 6749)",
        result=_TOKENS,
        body={"grant_type": True, "refresh_token": True, "client_id": False},
        media_type=_FORM,
        errors=(400, 401, 415),
    ),
    "revoke": Operation(
        "Revoke a token (RFC 7009)",
        body={"token": True, "token_type_hint": False, "client_id": False},
        media_type=_FORM,
        errors=(400, 401, 415),
    ),
}
