"""Decide whether callers may share the values of a type."""

from __future__ import annotations

from typing import Any, get_origin

from msgspec import inspect

__all__ = ["is_immutable"]

_ATOMS = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.LiteralType,
)


def is_immutable(type_: Any) -> bool:
    """Return whether a value of the type can never change, at any depth: no list, no dict, no unknown type.

    Raises:
        TypeError: msgspec does not know the type.
    """
    return _is_immutable(inspect.type_info(type_), frozenset())


def _is_immutable(info: inspect.Type, above: frozenset[type]) -> bool:
    match info:
        case inspect.Metadata():
            return _is_immutable(info.type, above)
        case inspect.UnionType():
            return all(_is_immutable(member, above) for member in info.types)
        case inspect.VarTupleType() | inspect.FrozenSetType():
            return _is_immutable(info.item_type, above)
        case inspect.TupleType():
            return all(_is_immutable(member, above) for member in info.item_types)
        case inspect.StructType() | inspect.DataclassType() | inspect.NamedTupleType():
            if info.cls in above:  # A type that contains itself. The outer call decides.
                return True
            within = above | {info.cls}
            return _is_frozen(info) and all(_is_immutable(field.type, within) for field in info.fields)
    return isinstance(info, _ATOMS)


def _is_frozen(info: inspect.StructType | inspect.DataclassType | inspect.NamedTupleType) -> bool:
    cls: Any = get_origin(info.cls) or info.cls  # Box is the class of the bound generic type Box[int].
    match info:
        case inspect.StructType():
            return bool(cls.__struct_config__.frozen)
        case inspect.DataclassType():
            # Its own parameters, not inherited: a subclass without the decorator takes further attributes.
            # attrs classes have no parameters.
            parameters = vars(cls).get("__dataclass_params__")
            return parameters is not None and parameters.frozen
    return bool(cls.__dictoffset__ == 0)  # As above: a NamedTuple has no __dict__, its subclass has.
