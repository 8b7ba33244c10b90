"""Run an action in several threads at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

__all__ = ["THREADS", "Store", "run_at_once"]

THREADS = 8

Store: TypeAlias = Any
"""A port of the contract, with a ``time_shift``."""

T = TypeVar("T")


def run_at_once(action: Callable[[], T]) -> Sequence[T]:
    """Run an action in :data:`THREADS` threads at once. Return the results."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(action) for _ in range(THREADS)]]
