"""What waiting for announcements is like, whatever carries them."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod

from watchword.clocks import read_clock
from watchword.stores.contract import Announcements

__all__ = ["ListeningAnnouncements"]

logger = logging.getLogger("watchword.stores")

STEP = 0.1  # seconds until who waits notices that it is to stop


class ListeningAnnouncements(Announcements):
    """Announcements that are heard on a connection of their own.

    Attributes:
        errors: what the connection raises when it is lost.
    """

    errors: tuple[type[Exception], ...]

    def wait(self, seconds: float, stopping: threading.Event) -> None:  # noqa: D102 -- the contract's
        until = read_clock() + seconds
        try:
            while not stopping.is_set() and (left := until - read_clock()) > 0:
                if self.wait_for_message(min(STEP, left)):
                    return
        except self.errors as error:
            logger.info("announcements of ends are not heard, the polls go on: %s", type(error).__name__)
            self.close()
            stopping.wait(max(0, until - read_clock()))

    @abstractmethod
    def wait_for_message(self, seconds: float) -> bool:
        """Whether something was announced since the last call, or is within that time."""
        ...
