"""What must hold of every input: it is good, or refused as it should be, in a time that fits its size."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from targets import Target

__all__ = ["FLOOR", "RATIO", "Judge", "TooSlow"]

RATIO = 10
"""So many times the time of a good input of that size is too long."""

FLOOR = 300_000
"""What takes less is never too long, in nanoseconds: about as much as one switch to another process."""

_TRIES = 9  # the least of so many counts: whatever else the machine does only adds to it
_FEW = 3
_SMALLEST = 9  # 512 bytes: what is smaller takes hardly less


class TooSlow(AssertionError):
    """An input took far longer than a good one of its size."""


class Judge:
    """Hands inputs to a target.

    Args:
        target: where they go.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._usual: dict[int, int] = {}

    def __call__(self, data: bytes) -> None:
        """Return if all is well with an input.

        Raises:
            TooSlow: it took too long.
            Exception: what the target let through.
        """
        given = self._target.build(data)
        if self._is_slow(self._timed(given), self._usual_time(len(data))):
            self._look_closely(given, self._target.build(self._target.good(len(data))))

    def _timed(self, given: Any) -> int:
        """Nanoseconds."""
        started = time.perf_counter_ns()
        with suppress(self._target.refusal):
            self._target.call(given)
        return time.perf_counter_ns() - started

    def _usual_time(self, size: int) -> int:
        """What a good input of at least that size takes; of a power of two, so that few are timed."""
        magnitude = max(_SMALLEST, size.bit_length())
        if magnitude not in self._usual:
            good = self._target.build(self._target.good(1 << magnitude))
            self._usual[magnitude] = min(self._timed(good) for _ in range(_FEW))
        return self._usual[magnitude]

    def _look_closely(self, given: Any, good: Any) -> None:
        """Time both in turn."""
        pairs = [(self._timed(given), self._timed(good)) for _ in range(_TRIES)]
        took, usual = map(min, zip(*pairs, strict=True))
        if self._is_slow(took, usual):
            raise TooSlow(f"{took / 1e6:.2f} ms, where a good one takes {usual / 1e6:.2f} ms")

    def _is_slow(self, took: int, usual: int) -> bool:
        return took > FLOOR and took > RATIO * usual
