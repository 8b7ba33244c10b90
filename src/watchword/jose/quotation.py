"""What was given, as error messages show it."""

from __future__ import annotations

from watchword.arguments import describe

__all__ = ["quote"]


def quote(value: object, longest: int = 60) -> str:
    """Show a value in an error message: text in ASCII, escaped and cut; anything else as ``describe`` does.

    Text from elsewhere may be of any length, and hold line breaks or terminal sequences. Texts in a list are
    shown together. Not for secrets.

    Args:
        value: what was given.
        longest: how many characters of a text are shown; a URL is told from another by its last.
    """
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(each, str) for each in value):
        return quote(", ".join(value), longest)
    if not isinstance(value, str):
        return describe(value)
    return ascii(value) if len(value) <= longest else f"{value[:longest]!a}..."
