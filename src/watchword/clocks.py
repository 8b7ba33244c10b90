"""The clock by which ages are counted: it never goes back, and goes on while the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

__all__ = ["elapsed", "seconds_since"]

elapsed: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Seconds since some moment, those of the machine's sleep among them where the system counts these."""


def seconds_since(began: float) -> float:
    """How long ago :func:`elapsed` said that, for people and counters: to the microsecond."""
    return round(elapsed() - began, 6)
