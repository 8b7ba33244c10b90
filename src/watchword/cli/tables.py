"""Tables on standard output that show every name exactly as it is stored."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

__all__ = ["print_table", "to_visible"]

# Wide enough for every row. Otherwise a narrow terminal would cut subjects, and they could not be copied.
_UNLIMITED = 1_000_000
# Controls, format characters such as a change of the writing direction, surrogates, line separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text below the names of their columns."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(to_visible, row))
    # Otherwise Rich would read [red] as a color and :snake: as an emoji.
    Console(markup=False, emoji=False, highlight=False, width=_UNLIMITED).print(table)


def to_visible(text: str) -> str:
    """Escape characters that a terminal does not show, or that change how it shows other characters."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _INVISIBLE
        else character
        for character in text
    )
