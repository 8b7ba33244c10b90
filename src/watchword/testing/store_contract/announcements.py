"""Conformance tests for push notifications that sessions have ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from watchword.stores.contract import Announcements

__all__ = ["AnnouncementsContract", "measure_seconds"]

LONG, SOON = 30.0, 10.0  # seconds: a thread that waits for LONG returns within SOON


class AnnouncementsContract:
    """The promises of :class:`~watchword.stores.contract.Announcements`."""

    def test_an_announcement_ends_the_waiting(self, announcements: Announcements) -> None:
        _listen(announcements)
        announcing = threading.Timer(0.2, announcements.announce)
        announcing.start()
        assert measure_seconds(lambda: announcements.wait(LONG, threading.Event())) < SOON
        announcing.join()

    def test_what_was_announced_between_two_waits_ends_the_second(self, announcements: Announcements) -> None:
        _listen(announcements)
        announcements.announce()
        assert measure_seconds(lambda: announcements.wait(LONG, threading.Event())) < SOON

    def test_waiting_ends_when_it_is_to_stop(self, announcements: Announcements) -> None:
        stopping = threading.Event()
        threading.Timer(0.2, stopping.set).start()
        assert measure_seconds(lambda: announcements.wait(LONG, stopping)) < SOON

    def test_waiting_ends_when_the_time_is_over(self, announcements: Announcements) -> None:
        assert 0.3 <= measure_seconds(lambda: announcements.wait(0.3, threading.Event())) < SOON

    def test_after_closing_it_is_listened_to_anew(self, announcements: Announcements) -> None:
        _listen(announcements)
        announcements.close()
        _listen(announcements)
        announcements.announce()
        assert measure_seconds(lambda: announcements.wait(LONG, threading.Event())) < SOON


def _listen(announcements: Announcements) -> None:
    announcements.wait(0.3, threading.Event())


def measure_seconds(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began
