"""The clock for ages. It never goes back, and it counts the time that the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

__all__ = ["measure_since", "read_clock"]

read_clock: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Return seconds since a fixed moment. They include sleep if the system can count it."""


def measure_since(began: float) -> float:
    """Return the seconds since :func:`read_clock` returned a value, rounded to microseconds."""
    return round(read_clock() - began, 6)
