"""Share counters between the worker processes of a server: each process writes its own file."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["SharedNumbers", "WorkerRow"]

_WIDTH = 8  # bytes of a number


class WorkerRow(NamedTuple):
    """The numbers of a worker.

    Attributes:
        numbers: the numbers, in a fixed order.
        is_live: whether the worker is alive.
    """

    numbers: tuple[float, ...]
    is_live: bool


class SharedNumbers:
    """The numbers of this process and, to read, the numbers of the other processes.

    Each process maps a file of the folder into its memory and locks the file for as long as it lives. A new
    process takes over the file of a dead process. So the counts of the dead process stay, and there are never
    more files than processes.

    Args:
        folder: a folder that only these processes use. Without a folder there is no other process.
        size: how many numbers there are.

    Attributes:
        own: the numbers of this process. Write them here.
    """

    def __init__(self, folder: Path | None, size: int) -> None:
        self._folder = folder
        self._size = size
        self._file = None if folder is None else _claim(folder, size * _WIDTH)
        mapped = mmap.mmap(-1 if self._file is None else self._file, size * _WIDTH)
        self.own = memoryview(mapped).cast("d")

    def read_rows(self) -> Iterator[WorkerRow]:
        """Read the numbers of all processes, dead processes included."""
        if self._folder is None:
            yield WorkerRow(tuple(self.own), is_live=True)
            return
        for path in self._folder.iterdir():
            content = path.read_bytes()
            if len(content) == self._size * _WIDTH:  # A shorter file is not ready yet.
                yield WorkerRow(tuple(memoryview(content).cast("d")), is_live=_is_locked(path))


def _claim(folder: Path, length: int) -> int:
    """Lock the file of a dead process or a new file. Return its descriptor."""
    for path in folder.iterdir():
        if (descriptor := _lock(path)) is not None:
            break
    else:
        descriptor = None
    while descriptor is None:
        descriptor = _lock(folder / secrets.token_hex(8))  # Another process may lock it first.
    os.ftruncate(descriptor, length)
    return descriptor


def _lock(path: Path) -> int | None:
    """Open a file, or make it, and lock it. Return ``None`` if another process has locked it."""
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
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # Closing the file releases the lock.
        except BlockingIOError:
            return True
    return False
