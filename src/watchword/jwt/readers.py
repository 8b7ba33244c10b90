"""Convert payloads to the type that an application asks for: its model of the claims."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

import msgspec
from msgspec import inspect

from watchword.arguments import describe
from watchword.errors import InvalidSettings, MalformedClaim
from watchword.jwt.immutability import is_immutable

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # For PEP 696: Verifier(keys) is a Verifier[dict[str, Any]].

    T = TypeVar("T", default=dict[str, Any])
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["Reader", "T", "convert", "decode_dict", "make_reader"]


class Reader(NamedTuple, Generic[T]):
    """Converts payloads to a type.

    Attributes:
        decode: converts a payload. Raises ValueError if the payload does not fit the type. That error may
            repeat values of the payload.
        shared: whether callers may share the result.
    """

    decode: Callable[[bytes], T]
    shared: bool


decode_dict: Callable[[bytes], Any] = msgspec.json.Decoder(dict[str, Any]).decode


def convert(payload: bytes, decode: Callable[[bytes], T]) -> T:
    """Convert a payload with a reader's ``decode``.

    Raises:
        MalformedClaim: the payload does not fit the type.
    """
    try:
        return decode(payload)
    except ValueError:
        pass  # Raise outside of this block: the decoder's error may repeat values of the token.
    raise MalformedClaim("the claims do not have the expected form")


def make_reader(type_: Any) -> Reader[Any]:
    """Make the reader of a dict, Struct, dataclass, TypedDict, attrs class or pydantic type.

    A Reader is returned unchanged. The validators of an attrs class run, as ``__post_init__`` of other
    classes does. Its converters do not run, and a claim has the attribute's name, not its alias.

    Raises:
        InvalidSettings: the type is another, or msgspec cannot decode it.
    """
    if isinstance(type_, Reader):
        return type_
    try:
        return _make_reader(type_)
    except TypeError:
        pass  # The type is unknown to msgspec, or the value is not a type.
    raise InvalidSettings(
        "claims must be dict, a Struct, dataclass, TypedDict, attrs class or pydantic model, and have fields "
        f"that msgspec can decode, not {describe(type_)}"
    )


@lru_cache(
    maxsize=64
)  # Examining a type takes longer than verifying a token, and some verifiers verify a single token.
def _make_reader(type_: Any) -> Reader[Any]:
    if type_ is dict:
        return Reader(decode_dict, shared=False)
    # Before msgspec, which treats a dataclass of pydantic as a plain dataclass and ignores its constraints.
    validator = getattr(type_, "__pydantic_validator__", None)
    if validator is not None:
        return Reader(_make_strict(validator.validate_json), shared=False)
    if not isinstance(inspect.type_info(type_), _OBJECTS):
        raise TypeError
    return Reader(msgspec.json.Decoder(type_).decode, is_immutable(type_))


def _make_strict(validate_json: Callable[..., Any]) -> Callable[[bytes], Any]:
    """Make a decoder in pydantic's strict mode, where text such as "1" is not a number."""
    return lambda payload: validate_json(payload, strict=True)


_OBJECTS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.DictType)
