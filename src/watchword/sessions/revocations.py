"""The sessions that ended while tokens of them are still about: a set in memory, and the feed that fills it.

Verifying a token looks into the set and does no I/O. A daemon thread asks the store at short intervals what
ended since, and sooner where an end is announced; ends made by this process are added at once. The age of
what is known is known too, and too old a set is never trusted silently.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Literal

import msgspec

from watchword.elapsed import elapsed
from watchword.errors import RevocationsUnavailable, StoreUnavailable
from watchword.sessions.ended import EndedSessions
from watchword.stores.contract import Announcements, Feed, SessionEnd, SessionStore

__all__ = ["FeedStatus", "Revocations"]

logger = logging.getLogger("watchword.revocations")

PATIENCE = 1.0  # seconds that a request waits for another one's poll
LONGEST_PAUSE = 5.0  # seconds between two tries while the store is away
SPACING = 0.1  # of an interval, between two polls at least: or each of many ends at once would make one


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the news of ended sessions in this process.

    Attributes:
        staleness: seconds since the last answered poll was sent; infinite before the first.
        poll_seconds: how long its answer took; ``None`` before the first.
        failing: whether a poll has failed since.
        known_ends: how many ended sessions are known, of which tokens may still be about.
    """

    staleness: float
    poll_seconds: float | None
    failing: bool
    known_ends: int


class Revocations:
    """Which sessions have ended, as far as it matters for access tokens.

    Args:
        store: where the feed comes from.
        interval: seconds between two polls.
        max_age: seconds; what is older is not trusted.
        grace: seconds for which an end is kept after the session's last access token expired: the
            verifier's leeway, at least.
        when_stale: ``reject`` raises when the set is too old and the store is away; ``accept`` goes on.
        on_keys_changed: called with the key version of the first poll, and of each that brings another. If it
            raises, the poll has failed.
        announcements: word of ends from other processes, and to them; ``None`` for the polls alone.
        in_background: called by the thread after each poll that was answered; requests never wait for it.
        monotonic: clock by which ages are counted.

    Attributes:
        ended: whether the session of that id has ended; the set's own look-up, as cheap as one can be.
        key_version: the store's, as of the last poll; ``None`` before the first.
    """

    ended: Callable[[str | None], bool]
    key_version: int | None
    _thread: threading.Thread | None

    def __init__(
        self,
        store: SessionStore,
        *,
        interval: float,
        max_age: float,
        grace: float,
        when_stale: Literal["reject", "accept"] = "reject",
        on_keys_changed: Callable[[int], None] | None = None,
        announcements: Announcements | None = None,
        in_background: Callable[[], None] | None = None,
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._store = store
        self._interval = interval
        self._max_age = max_age
        self._grace = grace
        self._when_stale = when_stale
        self._on_keys_changed = on_keys_changed
        self._announcements = announcements
        self._in_background = in_background
        self._monotonic = monotonic
        self._ended = EndedSessions()
        self.ended = self._ended.contains
        self.key_version = None
        self._poll_seconds: float | None = None
        self._offset = time.time() - monotonic()
        self.start_anew()
        _instances.add(self)

    def ensure_fresh(self) -> None:
        """Return at once if the set is young enough; otherwise poll, or wait a second for who is polling.

        Raises:
            StoreUnavailable: the set is too old, the store does not answer, and ``when_stale`` is ``reject``.
        """
        if self.ready():
            return
        self._start_thread()
        if not self._caught_up() and self._when_stale == "reject":
            raise StoreUnavailable

    def ready(self) -> bool:
        """Whether :meth:`ensure_fresh` would return at once, without I/O."""
        return self._monotonic() <= self._trusted_until

    def staleness(self) -> float:
        """Seconds since the last answered poll was sent; infinite before the first."""
        return self._monotonic() - self._sent_at

    def status(self) -> FeedStatus:
        """How it stands with the news."""
        return FeedStatus(
            staleness=self.staleness(),
            poll_seconds=self._poll_seconds,
            failing=self._failures > 0,
            known_ends=len(self._ended),
        )

    def check(self) -> None:
        """Return if the news come; a set that is too old, or nobody's yet, is polled for first.

        Raises:
            RevocationsUnavailable: they do not; the message says whether what is known is too old already.
        """
        with suppress(StoreUnavailable):
            self.ensure_fresh()
        if not self.ready():
            raise RevocationsUnavailable("what is known of ended sessions is too old to be trusted")
        if self._failures:
            raise RevocationsUnavailable("the polls for ended sessions fail")

    def now(self) -> float:
        """The store's time, carried forward from the last poll; before the first one this machine's."""
        return self._offset + self._monotonic()

    def fresh_now(self) -> float:
        """The store's time by a set that is young enough: :meth:`ensure_fresh`, then :meth:`now`.

        One look at the clock does for both, as every request asks.

        Raises:
            StoreUnavailable: as in :meth:`ensure_fresh`.
        """
        monotonic = self._monotonic()
        if monotonic > self._trusted_until:
            self.ensure_fresh()
            monotonic = self._monotonic()
        return self._offset + monotonic

    def add(self, ends: Collection[SessionEnd]) -> None:
        """Take note of ends that this process made: they hold here at once, and are announced to others."""
        with self._changing:
            self._ended.add(ends)
        if ends and self._announcements is not None:
            self._announcements.announce()

    def poll(self) -> None:
        """Ask the store what ended since the last poll.

        Raises:
            StoreUnavailable: it does not answer.
        """
        with self._polling:
            self._poll()

    def close(self) -> None:
        """Stop the thread. It starts again when it is needed."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def start_anew(self) -> None:
        """Take new locks, no thread, and no position: a forked child calls this, by itself.

        The ends that were known stay known, since an end is never taken back.
        """
        self._polling = threading.Lock()
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._thread = None
        self._identity: str | None = None
        self._position: int | None = None
        self._sent_at = self._trusted_until = -math.inf
        self._retry_at = -math.inf
        self._failures = 0
        self._background_failed = False

    def _caught_up(self) -> bool:
        """One caller polls, the others wait for it; after a failure nobody does until the next try is due."""
        if self._must_wait() or not self._polling.acquire(timeout=PATIENCE):
            return False
        try:
            if not self.ready() and not self._must_wait():
                self._try_poll()
        finally:
            self._polling.release()
        return self.ready()

    def _must_wait(self) -> bool:
        return self._monotonic() < self._retry_at

    def _keep_polling(self, stopping: threading.Event) -> None:
        """The thread."""
        while not self._rest(stopping):
            with self._polling:
                self._try_poll()
            if self._in_background is not None and not self._failures:
                self._run_in_background(self._in_background)

    def _run_in_background(self, work: Callable[[], None]) -> None:
        """Whatever goes wrong is logged once until it goes right, and tried again after the next poll."""
        try:
            work()
        except Exception as error:  # the thread must live on
            if not self._background_failed:
                expected = isinstance(error, StoreUnavailable)
                logger.warning("work beside the polls failed: %s", error, exc_info=not expected)
            self._background_failed = True
        else:
            self._background_failed = False

    def _rest(self, stopping: threading.Event) -> bool:
        """Wait until a poll is due, or an end is announced; whether the thread shall stop instead."""
        pause, announcements = self._pause(), self._announcements
        if announcements is None:
            return stopping.wait(pause)
        if self._failures:
            announcements.close()  # its connection may be as dead as the one for the polls
            return stopping.wait(pause)
        began = self._monotonic()
        announcements.wait(pause, stopping)
        return stopping.wait(max(0.0, began + pause * SPACING - self._monotonic()))

    def _pause(self) -> float:
        """Seconds until the next poll: the interval, doubled with each failure up to a bound."""
        return min(self._interval * 2.0 ** min(self._failures, 16), max(self._interval, LONGEST_PAUSE))

    def _try_poll(self) -> None:
        """Poll; whatever goes wrong is logged once for each outage, and waited out."""
        try:
            self._poll()
        except Exception as error:  # the thread must live on, and a caller looks at the age
            self._failures += 1
            self._retry_at = self._monotonic() + self._pause()
            if self._failures == 1:
                expected = isinstance(error, StoreUnavailable)
                logger.warning("no news of ended sessions: %s", error, exc_info=not expected)

    def _poll(self) -> None:
        sent_at = self._monotonic()
        feed = self._store.poll(self._identity, self._position, grace=self._grace)
        self._poll_seconds = self._monotonic() - sent_at
        self._merge(feed)
        self._identity, self._position = feed.identity, feed.position
        self._offset = feed.now - sent_at
        if feed.key_version != self.key_version and self._on_keys_changed is not None:
            self._on_keys_changed(feed.key_version)
        self.key_version = feed.key_version
        self._sent_at = sent_at  # only now: who has not heard of a compromised key is not up to date
        self._trusted_until = sent_at + self._max_age
        if self._failures:
            logger.info("news of ended sessions again")
        self._failures = 0
        self._retry_at = -math.inf

    def _merge(self, feed: Feed) -> None:
        """Add what is new, drop what no token can need."""
        with self._changing:
            self._ended.add(feed.ends)
            self._ended.forget(feed.now - self._grace)

    def _start_thread(self) -> None:
        with self._changing:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping = threading.Event()
            thread = threading.Thread(
                target=self._keep_polling, args=(self._stopping,), name="watchword-revocations", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # the system has no thread left; whoever finds the set old polls
                logger.warning("no thread for the news of ended sessions: %s", error)
            else:
                self._thread = thread


_instances: weakref.WeakSet[Revocations] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for revocations in _instances:
        revocations.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
