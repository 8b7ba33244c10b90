"""Bare RS256 checks of many signatures, on one core and on two."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import specimen
from cases import Batch
from contenders.floor import check_signature

_check = check_signature("RS256").call


def alone() -> Batch:
    return _timed(lambda: _checks(specimen.BATCH))


def in_two_threads() -> Batch:
    return _timed(_halves(ThreadPoolExecutor(2)))


def in_two_processes() -> Batch:
    return _timed(_halves(ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))))


def _halves(pool: ThreadPoolExecutor | ProcessPoolExecutor) -> Callable[[], object]:
    return lambda: list(pool.map(_checks, [specimen.BATCH // 2] * 2))


def _timed(work: Callable[[], object]) -> Batch:
    def run() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) / specimen.BATCH

    return Batch(run)


def _checks(number: int) -> None:
    for _ in range(number):
        _check("")
