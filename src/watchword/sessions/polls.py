"""Keep the state of the polls for ended sessions, and wait between two polls."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from watchword.stores.contract import Announcements

__all__ = ["Polls", "wait_for_end", "wait_for_stop"]

SPACING = 0.1  # The least part of an interval between two polls: many ends at once share a poll.


class Polls:
    """The state of the polls in this process. A forked child starts anew, without a position in the feed.

    The child keeps the ends that its parent knew, because an end is never taken back.

    Attributes:
        polling: held during a poll.
        changing: held while the set of ends changes.
        identity: the identity of the store, as of the last poll.
        position: the position in the feed, as of the last poll.
        store_time: the store's time, as of the last poll.
        sent_at: the time at which the last answered poll was sent.
        spared_until: the time before which requests skip the check of the polls.
        retry_at: the time before which no request polls.
        failures: the number of failed polls since the last answered poll.
        background_failed: whether the background work failed last time.
    """

    def __init__(self) -> None:
        self.polling = threading.Lock()
        self.changing = threading.Lock()
        self.identity: str | None = None
        self.position: int | None = None
        self.store_time = -math.inf
        self.sent_at = self.spared_until = self.retry_at = -math.inf
        self.failures = 0
        self.background_failed = False


def wait_for_stop(seconds: float, stopping: threading.Event) -> None:
    """Wait, or return as soon as the thread has to stop."""
    stopping.wait(seconds)


def wait_for_end(
    announcements: Announcements,
    seconds: float,
    monotonic: Callable[[], float],
    stopping: threading.Event,
) -> None:
    """Wait until an end is announced, and a little longer for other ends at the same time."""
    began = monotonic()
    announcements.wait(seconds, stopping)
    stopping.wait(max(0.0, began + seconds * SPACING - monotonic()))
