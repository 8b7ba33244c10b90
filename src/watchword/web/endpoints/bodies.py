"""Decode the JSON bodies of requests."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

import msgspec

from watchword.errors import InvalidRequest, MalformedToken, UnsupportedMediaType
from watchword.jose.strict_json import decode_object
from watchword.web.http import Request

__all__ = ["Text", "decode_body"]

T = TypeVar("T")

# No name contains NUL, and some databases behind ``check_password`` fail on it.
Text: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]


def decode_body(request: Request, kind: type[T]) -> T:
    """Return the body of a request as an instance of a Struct.

    Raises:
        UnsupportedMediaType: the body is not declared as JSON.
        InvalidRequest: the body is not JSON in UTF-8, or does not have the members of the Struct.
    """
    names = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
    if not _is_json(request.find_header("content-type")):
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


def _is_json(content_type: str | None) -> bool:
    media_type, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return media_type.strip().lower() == "application/json" and charset in {"", "charset=utf-8"}
