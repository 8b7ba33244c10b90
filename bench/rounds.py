"""Asks each library's process for samples, one after the other, round after round."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from entries import LIBRARIES, Entry

__all__ = ["Samples", "installed", "samples"]

Samples = dict[Entry, list[float]]
"""Seconds a token, one sample a round; none where the library is not installed."""

# How a process lies in memory makes it a few per cent faster or slower for as long as it lives, so that each
# library gets several.
PROCESSES = 4


def samples(entries: Iterable[Entry], rounds: int) -> Samples:
    taken: Samples = {entry: [] for entry in entries}
    present = [entry for entry in taken if is_present(entry.contender)]
    for number in range(PROCESSES):
        share = rounds * (number + 1) // PROCESSES - rounds * number // PROCESSES
        if share:
            _take(taken, present, share)
    return taken


def is_present(contender: str) -> bool:
    return contender not in LIBRARIES or installed(LIBRARIES[contender]) is not None


def installed(distribution: str) -> str | None:
    """Its version, if it is."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _take(taken: Samples, entries: list[Entry], rounds: int) -> None:
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(name)) for name in dict.fromkeys(e.contender for e in entries)
        }
        for worker in workers.values():  # no sample is taken while another library is being imported
            worker.wait_until_ready()
        for number in range(rounds):
            for entry in entries:
                if number % entry.every == 0:
                    taken[entry].append(workers[entry.contender].sample(entry.case))


class Worker:
    """The process of one contender."""

    def __init__(self, contender: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py"), contender],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def wait_until_ready(self) -> None:
        self._answer("start")

    def sample(self, case: str) -> float:
        """Seconds a token.

        Raises:
            SystemExit: the process has died; it has said why on standard error.
        """
        assert self._process.stdin
        self._process.stdin.write(f"{case}\n")
        return float(self._answer(case))

    def _answer(self, wanted: str) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a process ended before its time: {wanted}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
