"""Payloads become values of the type that an application asks for: its model of the claims."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from watchword.arguments import describe
from watchword.errors import InvalidSettings
from watchword.jwt.immutability import is_immutable

__all__ = ["Reader", "decode_dict", "reader"]


T = TypeVar("T")


class Reader(NamedTuple, Generic[T]):
    """How a payload becomes a value of a type.

    Attributes:
        decode: makes a value of a payload. Raises ValueError if it does not fit the type; what it says could
            repeat what the payload holds.
        shared: whether callers may share the value.
    """

    decode: Callable[[bytes], T]
    shared: bool


decode_dict: Callable[[bytes], Any] = msgspec.json.Decoder(dict[str, Any]).decode


def reader(type_: Any) -> Reader[Any]:
    """The reader for a type: dict, a Struct, dataclass, TypedDict or attrs class, or one of pydantic's.

    What is a reader already is what it is.

    Of an attrs class the validators run, as ``__post_init__`` of others does; its converters do not, and a
    claim has the attribute's name, not its alias.

    Raises:
        InvalidSettings: it is another type, or one that msgspec cannot decode.
    """
    if isinstance(type_, Reader):
        return type_
    try:
        return _reader(type_)
    except TypeError:
        pass  # a type that msgspec does not know, or cannot decode; or a value that is no type
    raise InvalidSettings(
        "claims must be dict, a Struct, dataclass, TypedDict, attrs class or pydantic model, and have fields "
        f"that msgspec can decode, not {describe(type_)}"
    )


@lru_cache(maxsize=64)  # looking into a type takes longer than verifying a token, and some verify just one
def _reader(type_: Any) -> Reader[Any]:
    if type_ is dict:
        return Reader(decode_dict, shared=False)
    # Asked first: msgspec would take pydantic's dataclasses for plain ones, and leave their constraints out.
    validator = getattr(type_, "__pydantic_validator__", None)
    if validator is not None:
        return Reader(_strict(validator.validate_json), shared=False)
    if not isinstance(inspect.type_info(type_), _OBJECTS):
        raise TypeError
    return Reader(msgspec.json.Decoder(type_).decode, is_immutable(type_))


def _strict(validate_json: Callable[..., Any]) -> Callable[[bytes], Any]:
    """Pydantic's strict mode: text that reads like a number is no number, as everywhere here."""
    return lambda payload: validate_json(payload, strict=True)


_OBJECTS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.DictType)
