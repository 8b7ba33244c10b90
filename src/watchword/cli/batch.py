"""Verify a file with a token on each line, and count the results, in bounded memory."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from watchword.errors import InvalidToken

__all__ = ["verify_lines"]

# Longer than any token that a Verifier accepts. The rest of a longer line is skipped.
_LONGEST_LINE = 65_536
# The most lines that are listed. More lines do not help a person, and a program reads the counts.
_LISTED = 20
# The progress bar changes after so many results.
_SHOWN_EVERY = 500


def verify_lines(
    file: BinaryIO, verify_many: Callable[[Iterable[str]], Generator[object, None, None]]
) -> bool:
    """Verify each line, list the first lines with an invalid token, and print the number of each result.

    Args:
        file: a token on each line. Blank lines do not count.
        verify_many: as :meth:`watchword.Verifier.verify_many`.

    Returns:
        Whether all tokens are valid.

    Raises:
        ClickException: the file has no token.
    """
    lines, counts, bad = _TokenLines(file), Counter[str](), 0
    begin = time.monotonic()
    with _make_progress_bar() as progress, closing(verify_many(lines)) as results:
        task = progress.add_task("", total=_find_size(file), tokens=0)
        for count, result in enumerate(results, 1):
            number = lines.pending.popleft()
            if count % _SHOWN_EVERY == 0:
                progress.update(task, completed=lines.position, tokens=count)
            if not isinstance(result, InvalidToken):
                continue
            counts[result.code] += 1
            bad += 1
            if bad <= _LISTED:
                progress.console.print(f"line {number}: {result.code}")
    if not lines.count:
        raise click.ClickException("there is no token to read")
    if bad > _LISTED:
        click.echo(f"... and {bad - _LISTED} more", err=True)
    _print_counts(lines.count, counts)
    seconds = time.monotonic() - begin
    click.echo(f"{lines.count} tokens in {seconds:.1f} s: {lines.count / seconds:.0f} a second", err=True)
    return not bad


class _TokenLines:
    """The tokens of a file.

    Attributes:
        count: the number of tokens read.
        pending: the line numbers of the tokens that were read ahead and have no result yet.
        position: the number of bytes read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0
        self.pending: deque[int] = deque()
        self.position = 0

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._read_part():
            number += 1
            token = line.strip()
            if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                token = line  # Too long for any token, so the Verifier rejects it.
                while (rest := self._read_part()) and not rest.endswith(b"\n"):
                    pass
            if token:
                self.count += 1
                self.pending.append(number)
                yield token.decode("ascii", "replace")

    def _read_part(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        self.position += len(line)
        return line


def _find_size(file: BinaryIO) -> int | None:
    """Find the size of a regular file, in bytes."""
    try:
        found = os.fstat(file.fileno())
    except OSError:
        return None  # The stream is not a file of the system.
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _make_progress_bar() -> Progress:
    """Make a progress bar on standard error. It shows only at a terminal."""
    return Progress(
        TextColumn("{task.fields[tokens]} tokens"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _print_counts(total: int, bad: Counter[str]) -> None:
    table = Table("code", box=None, pad_edge=False)
    table.add_column("tokens", justify="right")
    for code, count in [("good", total - bad.total()), *bad.most_common(), ("total", total)]:
        table.add_row(code, str(count))
    Console(markup=False, highlight=False, emoji=False).print(table)
