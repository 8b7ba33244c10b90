"""Bare RS256 checks of many signatures, in one thread and in two."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import specimen
from cases import Batch
from contenders.floor import check_signature

_check = check_signature("RS256").call


def alone() -> Batch:
    return _timed(lambda: _checks(specimen.BATCH))


def in_two_threads() -> Batch:
    pool = ThreadPoolExecutor(2)
    return _timed(lambda: list(pool.map(_checks, [specimen.BATCH // 2] * 2)))


def _timed(work: Callable[[], object]) -> Batch:
    def run() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) / specimen.BATCH

    return Batch(run)


def _checks(number: int) -> None:
    for _ in range(number):
        _check("")
