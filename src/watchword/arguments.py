"""Describe what a caller gave, for error messages. Text and bytes may be secrets: only the type is shown."""

from __future__ import annotations

from collections.abc import Callable, Collection

__all__ = ["describe", "describe_names", "is_name", "is_names"]

_LONGEST = 20  # characters of a number
_CONTAINERS = (str, bytes, list, tuple, dict, set, frozenset)


def describe(value: object) -> str:
    """Describe a value that was given for an argument: a small number itself, of anything else the type."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return _shorten(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"an empty {name}" if isinstance(value, _CONTAINERS) and not value else name


def is_name(value: object) -> bool:
    """Return whether a value is text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_names(value: object) -> bool:
    """Return whether a value is a collection of names. It may be empty."""
    return isinstance(value, Collection) and all(map(is_name, value))


def describe_names(names: object, is_element: Callable[[object], bool] = is_name) -> str:
    """Describe what was given for a collection of names: its type, and the element that is not a name."""
    if isinstance(names, str) or not isinstance(names, Collection):
        return describe(names)
    wrong = [name for name in names if not is_element(name)]
    return f"{describe(names)} with {describe(wrong[0])} in it" if wrong else describe(names)


def _shorten(number: float) -> str:
    try:
        text = str(number)
    except ValueError:  # Python writes no integers of more than 4,300 digits
        return type(number).__name__
    return text if len(text) <= _LONGEST else type(number).__name__
