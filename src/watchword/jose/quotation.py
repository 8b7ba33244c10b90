"""What was given, as error messages show it."""

from __future__ import annotations

__all__ = ["quote"]

_LONGEST = 60


def quote(value: object) -> str:
    """Show a value in an error message: text in ASCII, escaped and cut; of anything else only the type.

    Text from elsewhere may be of any length, and hold line breaks or terminal sequences. Texts in a list are
    shown together. Not for secrets.
    """
    if value is None:
        return "None"
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return quote(", ".join(value))
    if not isinstance(value, str):
        return type(value).__name__
    return ascii(value) if len(value) <= _LONGEST else f"{value[:_LONGEST]!a}..."
