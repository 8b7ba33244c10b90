"""Describe and quote what a caller gave, for error messages.

Text and bytes may be secrets, so :func:`describe` shows only their type. :func:`quote` shows harmless text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

__all__ = ["describe", "describe_names", "is_name", "is_names", "quote", "quote_algorithm", "quote_long"]

_LONGEST = 20  # characters of a number
_LONGEST_QUOTE = 60  # characters of a name
_LONGEST_LONG_QUOTE = 300  # characters of a URL: a slash at its end may be the only difference
_ALGORITHM = re.compile(r"[A-Za-z0-9+-]{1,20}")
_CONTAINERS = (str, bytes, list, tuple, dict, set, frozenset)


def describe(value: object) -> str:
    """Describe a given value for an error: a small number itself, or else the type of the value."""
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


def quote(value: object) -> str:
    """Quote harmless text: ASCII, escaped, at most 60 characters. Describe any other value.

    Text from other parties may have any length and contain line breaks or terminal sequences. A list of texts
    is quoted as a single text. Do not quote secrets.
    """
    return _quote(value, _LONGEST_QUOTE)


def quote_algorithm(value: object) -> str:
    """Quote the name of an algorithm or curve. Describe a longer or odd text, which may be a secret."""
    return repr(value) if isinstance(value, str) and _ALGORITHM.fullmatch(value) else describe(value)


def quote_long(value: object) -> str:
    """Quote a URL or another long text as :func:`quote` does, with at most 300 characters."""
    return _quote(value, _LONGEST_LONG_QUOTE)


def _quote(value: object, longest: int) -> str:
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(each, str) for each in value):
        return _quote(", ".join(value), longest)
    if not isinstance(value, str):
        return describe(value)
    return ascii(value) if len(value) <= longest else f"{value[:longest]!a}..."


def _shorten(number: float) -> str:
    try:
        text = str(number)
    except ValueError:  # Python writes no integers of more than 4,300 digits
        return type(number).__name__
    return text if len(text) <= _LONGEST else type(number).__name__
