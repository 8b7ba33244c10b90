"""Bound how many passwords a process hashes at once, and how many calls wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from watchword.errors import Overloaded

__all__ = ["HashingSlots"]

PATIENCE = 2.0  # seconds that a call waits for a slot
RETRY_AFTER = 1.0


class HashingSlots:
    """Slots for hashes that run at once, and a short queue in front of them.

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
            Overloaded: no slot became free in that time, or as many calls as may wait do so already.
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
