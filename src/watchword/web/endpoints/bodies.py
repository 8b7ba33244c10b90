"""Decode the bodies of requests: JSON for our own endpoints, forms for the endpoints of OAuth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec

from watchword.errors import InvalidRequest, MalformedToken, UnsupportedMediaType
from watchword.jose.strict_json import decode_object
from watchword.web.http import Request

__all__ = ["Text", "decode_body", "decode_form"]

T = TypeVar("T")

# No name contains NUL, and some databases behind ``check_password`` fail on it.
Text: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]

_MOST_PARAMETERS = 32
_FORM_CHARACTERS = re.compile(rb"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*+")


def decode_body(request: Request, kind: type[T]) -> T:
    """Return the body of a request as an instance of a Struct.

    Raises:
        UnsupportedMediaType: the body is not declared as JSON.
        InvalidRequest: the body is not JSON in UTF-8, or does not have the members of the Struct.
    """
    names = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
    if not _is_declared_as(request, "application/json"):
        raise UnsupportedMediaType(
            f"send the body as application/json: a JSON object with the text members {names}"
        )
    try:
        # Decode strictly, as with tokens: a proxy may have checked the other of two members of one name.
        return msgspec.convert(decode_object(request.body), kind)
    except (MalformedToken, msgspec.ValidationError):
        raise InvalidRequest(
            f"the body must be a JSON object with the text members {names}, each once"
        ) from None


def decode_form(request: Request) -> Mapping[str, str]:
    """Return the parameters of a form body (RFC 6749 Appendix B).

    A parameter without a value counts as omitted (RFC 6749 §3.1).

    Raises:
        InvalidRequest: the body is not declared as a form, is not a form in UTF-8, or has a parameter twice.
    """
    if not _is_declared_as(request, "application/x-www-form-urlencoded"):
        raise InvalidRequest("send the parameters in the body, as application/x-www-form-urlencoded")
    pairs = _parse_pairs(request.body)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):  # A proxy may have checked the other value.
        raise InvalidRequest("each parameter may be sent only once")
    return {name: value for name, value in parameters.items() if value}


def _parse_pairs(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    try:
        if _FORM_CHARACTERS.fullmatch(body):
            return parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=_MOST_PARAMETERS,
            )
    except ValueError:
        pass
    raise InvalidRequest(
        f"the body must be a form in UTF-8 with at most {_MOST_PARAMETERS} parameters, "
        "such as grant_type=refresh_token&client_id=app"
    )


def _is_declared_as(request: Request, expected: str) -> bool:
    """Return whether the body has a media type, in UTF-8."""
    media_type, _, parameters = (request.find_header("content-type") or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return media_type.strip().lower() == expected and charset in {"", "charset=utf-8"}
