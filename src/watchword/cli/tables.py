"""Tables on standard output, with every name exactly as it is stored."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

__all__ = ["print_table", "to_visible"]

# Wide enough for every row. A subject that was cut to the terminal's width could not be copied.
_UNLIMITED = 1_000_000
# Controls, formats such as a change of the writing direction, surrogates, separators of lines
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text below the names of their columns."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(to_visible, row))
    # Rich would take [red] for a color, and :snake: for an emoji
    Console(markup=False, emoji=False, highlight=False, width=_UNLIMITED).print(table)


def to_visible(text: str) -> str:
    """Escape the characters that a terminal does not show, or that change how it shows others."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNSEEN
        else character
        for character in text
    )
