from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest

from watchword.jwt import Claims
from watchword.jwt.immutability import is_immutable


class Tree(msgspec.Struct, frozen=True):
    children: tuple[Tree, ...] = ()


class MutableTree(msgspec.Struct, frozen=True):
    children: tuple[MutableTree, ...] = ()
    extra: dict[str, int] = {}


class Open(msgspec.Struct):
    name: str = ""


class Holder(msgspec.Struct, frozen=True):
    inside: Open


class Scoped(Claims):
    scope: str = ""
    roles: frozenset[str] = frozenset()


class Listed(Claims, frozen=True):
    roles: list[str] = []  # noqa: RUF012 - msgspec copies it


@dataclasses.dataclass(frozen=True)
class FrozenData:
    name: str


class DerivedData(FrozenData):
    pass


@attrs.frozen
class FrozenAttrs:
    name: str


class FrozenPydantic(pydantic.BaseModel, frozen=True):
    name: str


class Thawed(Claims, frozen=False):  # type: ignore[misc]  # mypy would not have it
    scope: str = ""


@dataclasses.dataclass
class Data:
    name: str


class Dictionary(TypedDict):
    name: str


class Pair(NamedTuple):
    left: str
    right: list[int]


class NamePair(NamedTuple):
    left: str
    right: str


class DerivedPair(NamePair):
    pass


T = TypeVar("T")


class Box(Claims, Generic[T]):
    content: T


@dataclasses.dataclass(frozen=True)
class DataBox(Generic[T]):
    content: T


class PairBox(NamedTuple, Generic[T]):
    content: T


class Colour(enum.Enum):
    RED = "red"


class Unknown:
    pass


IMMUTABLE = (
    *(Claims, Scoped, Tree, FrozenData, NamePair),
    *(Box[int], Box[tuple[str, ...]], DataBox[str], PairBox[str], DataBox[Box[int]]),
    *(str, int, bytes, bool, float, None, uuid.UUID, dt.datetime, dt.timedelta, Colour, Literal["a"]),
    *(
        str | None,
        tuple[str, ...],
        tuple[int, str],
        frozenset[str],
        Annotated[int, msgspec.Meta(ge=0, title="Count")],
    ),
)
MUTABLE = (
    *(Listed, MutableTree, Open, Holder, Data, Dictionary, Pair),
    *(Box, Box[Any], Box[list[int]], DataBox[Open], PairBox[Data]),
    *(Thawed, DerivedData, DerivedPair, FrozenAttrs, FrozenPydantic),
    *(dict, list, set[str], Any, object, bytearray, Unknown, msgspec.Raw, tuple[list[int], ...]),
    *(
        tuple[int, list[int]],
        frozenset[Any],
        dict[str, str] | None,
        Annotated[list[int], msgspec.Meta(min_length=1)],
    ),
)


@pytest.mark.parametrize("type_", IMMUTABLE, ids=str)
def test_frozen_all_the_way_down_is_immutable(type_: Any) -> None:
    assert is_immutable(type_)


@pytest.mark.parametrize("type_", MUTABLE, ids=str)
def test_anything_that_could_change_or_is_unknown_is_not(type_: Any) -> None:
    assert not is_immutable(type_)
