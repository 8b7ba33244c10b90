"""Limit how many passwords a process hashes at once, and how many calls may wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from watchword.errors import Overloaded

__all__ = ["HashingSlots"]

PATIENCE = 2.0  # Seconds that a call waits for a slot.
RETRY_AFTER = 1.0


class HashingSlots:
    """Slots for the hashes that run at once, with a short queue.

    Args:
        running: how many hashes may run at once.
        waiting: how many calls may wait for a slot.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._places = threading.BoundedSemaphore(running + waiting)
        self._slots = threading.BoundedSemaphore(running)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a slot for the length of a ``with`` block, and wait for it up to two seconds.

        Raises:
            Overloaded: no slot became free in that time, or the queue is full.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded(retry_after=RETRY_AFTER)
        try:
            if not self._slots.acquire(timeout=PATIENCE):
                raise Overloaded(retry_after=RETRY_AFTER)
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._places.release()
