"""Wait for announcements on a connection, whatever carries them."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod

from watchword.clocks import read_clock
from watchword.stores.contract import Announcements

__all__ = ["ListeningAnnouncements"]

logger = logging.getLogger("watchword.stores")

STEP = 0.1  # seconds until a waiting thread notices that it must stop


class ListeningAnnouncements(Announcements):
    """Announcements that arrive on a connection of their own.

    Attributes:
        errors: the errors that the connection raises when it is lost.
    """

    errors: tuple[type[Exception], ...]

    def wait(self, seconds: float, stopping: threading.Event) -> None:  # noqa: D102 -- the contract's
        until = read_clock() + seconds
        try:
            while not stopping.is_set() and (left := until - read_clock()) > 0:
                if self.wait_for_message(min(STEP, left)):
                    return
        except self.errors as error:
            logger.info("announcements of ends do not arrive, polls continue: %s", type(error).__name__)
            self.close()
            stopping.wait(max(0, until - read_clock()))

    @abstractmethod
    def wait_for_message(self, seconds: float) -> bool:
        """Wait for an announcement since the last call. Return whether an announcement came."""
        ...
