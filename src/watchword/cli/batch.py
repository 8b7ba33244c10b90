"""Verifying a file of tokens, one a line, and counting what they come to, in memory that does not grow."""

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

# More than any token that a Verifier looks at; the rest of a longer line is skipped
_LINE_AT_MOST = 65_536
# Lines that are named; after so many a person knows, and a program counts
_NAMED = 20
# Results between two looks at the progress bar
_SHOWN_EVERY = 500


def verify_lines(
    file: BinaryIO, verify_many: Callable[[Iterable[str]], Generator[object, None, None]]
) -> bool:
    """Verify each line, name the first that are not good, and show how many came to what.

    Args:
        file: one token a line; blank lines do not count.
        verify_many: as :meth:`watchword.Verifier.verify_many`.

    Returns:
        Whether all tokens are good.

    Raises:
        ClickException: there is no token in the file.
    """
    lines, counts, bad = _Lines(file), Counter[str](), 0
    begin = time.monotonic()
    with _progress() as progress, closing(verify_many(lines)) as results:
        task = progress.add_task("", total=_size(file), tokens=0)
        for count, result in enumerate(results, 1):
            number = lines.pending.popleft()
            if count % _SHOWN_EVERY == 0:
                progress.update(task, completed=lines.position, tokens=count)
            if not isinstance(result, InvalidToken):
                continue
            counts[result.code] += 1
            bad += 1
            if bad <= _NAMED:
                progress.console.print(f"line {number}: {result.code}")
    if not lines.count:
        raise click.ClickException("there is no token to read")
    if bad > _NAMED:
        click.echo(f"... and {bad - _NAMED} more", err=True)
    _show(lines.count, counts)
    seconds = time.monotonic() - begin
    click.echo(f"{lines.count} tokens in {seconds:.1f} s: {lines.count / seconds:.0f} a second", err=True)
    return not bad


class _Lines:
    """The tokens of a file.

    Attributes:
        count: how many were read.
        pending: the line numbers of those that have no result yet, as they are read ahead.
        position: how many bytes were read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0
        self.pending: deque[int] = deque()
        self.position = 0

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._read():
            number += 1
            token = line.strip()
            if len(line) == _LINE_AT_MOST and not line.endswith(b"\n"):
                token = line  # in its full length, which no token has
                while (rest := self._read()) and not rest.endswith(b"\n"):
                    pass
            if token:
                self.count += 1
                self.pending.append(number)
                yield token.decode("ascii", "replace")

    def _read(self) -> bytes:
        line = self._file.readline(_LINE_AT_MOST)
        self.position += len(line)
        return line


def _size(file: BinaryIO) -> int | None:
    """The size of a regular file, in bytes."""
    try:
        found = os.fstat(file.fileno())
    except OSError:
        return None  # a stream without a file behind it
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _progress() -> Progress:
    """A bar on standard error, if somebody is there to look at it."""
    return Progress(
        TextColumn("{task.fields[tokens]} tokens"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _show(total: int, bad: Counter[str]) -> None:
    table = Table("code", box=None, pad_edge=False)
    table.add_column("tokens", justify="right")
    for code, count in [("good", total - bad.total()), *bad.most_common(), ("total", total)]:
        table.add_row(code, str(count))
    Console(markup=False, highlight=False, emoji=False).print(table)
