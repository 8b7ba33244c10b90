"""Numbers that each worker writes for itself, and that all of them can read."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Row", "SharedNumbers"]

_WIDTH = 8  # bytes of a number


class Row(NamedTuple):
    """The numbers of a worker.

    Attributes:
        numbers: in their order.
        is_live: whether the worker is still there.
    """

    numbers: tuple[float, ...]
    is_live: bool


class SharedNumbers:
    """The numbers of this process, beside those of others.

    Each process has a file in the folder, mapped into its memory, and locks it for as long as it lives. A
    process that comes after another has died goes on with the file of the dead one, so that its counts stay
    and there are never more files than processes.

    Args:
        folder: shared by the processes, and by them alone. By default there is no other process.
        size: how many numbers there are.
    """

    def __init__(self, folder: Path | None, size: int) -> None:
        self._folder = folder
        self._size = size
        self._file = None if folder is None else _claim(folder, size * _WIDTH)
        mapped = mmap.mmap(-1 if self._file is None else self._file, size * _WIDTH)
        self.own = memoryview(mapped).cast("d")

    def rows(self) -> Iterator[Row]:
        """Read the numbers of all processes, the dead ones too."""
        if self._folder is None:
            yield Row(tuple(self.own), is_live=True)
            return
        for path in self._folder.iterdir():
            content = path.read_bytes()
            if len(content) == self._size * _WIDTH:  # otherwise the file is being made
                yield Row(tuple(memoryview(content).cast("d")), is_live=_is_locked(path))


def _claim(folder: Path, length: int) -> int:
    """Lock the file of a dead process, or a new one. Return its descriptor."""
    for path in folder.iterdir():
        if (descriptor := _lock(path)) is not None:
            break
    else:
        descriptor = None
    while descriptor is None:
        descriptor = _lock(folder / secrets.token_hex(8))  # another process may be quicker to lock it
    os.ftruncate(descriptor, length)
    return descriptor


def _lock(path: Path) -> int | None:
    """Open a file, made if need be, and lock it. Return ``None`` if another process has locked it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back when the file is closed
        except BlockingIOError:
            return True
    return False
