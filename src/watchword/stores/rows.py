"""Encode what every backend keeps as text, and report rows that cannot be read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from watchword.errors import StoreUnavailable

__all__ = ["decode_claims", "encode_claims", "read_row"]

logger = logging.getLogger("watchword.stores")

_R = TypeVar("_R")
_T = TypeVar("_T")


def encode_claims(claims: Mapping[str, Any]) -> str:
    """Return the claims of a session as JSON in ASCII, which every database can hold."""
    return json.dumps(dict(claims), separators=(",", ":"), allow_nan=False)


def decode_claims(text: str) -> dict[str, Any]:
    """Return the claims that :func:`encode_claims` wrote.

    Raises:
        TypeError: the text is not a JSON object.
        ValueError: the text is not JSON.
    """
    claims = json.loads(text)
    if not isinstance(claims, dict):
        raise TypeError("the claims of a session are not an object")
    return claims


def read_row(convert: Callable[[_R], _T], row: _R) -> _T:
    """Return what a row says. A row that was changed by hand must not stop a process.

    Raises:
        StoreUnavailable: the row does not have the form that this code writes.
    """
    try:
        return convert(row)
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # msgspec's errors are ValueErrors
        # without the message, which may quote the row
        logger.error("a row of the store cannot be read: %s", type(error).__name__)  # noqa: TRY400
        raise StoreUnavailable from None
