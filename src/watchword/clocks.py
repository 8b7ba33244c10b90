"""The clock for ages. It never goes back, and it counts the time that the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

__all__ = ["elapsed", "seconds_since"]

elapsed: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Return seconds since a fixed moment. They include sleep if the system can count it."""


def seconds_since(began: float) -> float:
    """Return the seconds since :func:`elapsed` returned a value, rounded to microseconds."""
    return round(elapsed() - began, 6)
