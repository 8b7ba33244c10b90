"""Hold the ended sessions until their tokens expire: a set in memory, and the feed that fills it.

Verifying a token reads the set and does no I/O. A daemon thread polls the store for new ends at short
intervals, and sooner if an end is announced. Ends made by this process are added at once. The set has a known
age, and a set that is too old is never trusted silently.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Literal

import msgspec

from watchword.background import BackgroundThread
from watchword.clocks import read_clock
from watchword.errors import RevocationsUnavailable, StoreUnavailable
from watchword.forks import PerProcess
from watchword.sessions.ended import EndedSessions
from watchword.sessions.polls import Polls, wait_for_end, wait_for_stop
from watchword.sessions.shared_calls import SharedCall
from watchword.stores.contract import Announcements, Feed, SessionEnd, SessionStore

__all__ = ["FeedStatus", "Revocations"]

logger = logging.getLogger("watchword.revocations")

PATIENCE = 1.0  # Seconds that a request waits for a poll in progress.
SHORT_PATIENCE = 0.1  # Seconds, while the set is still trusted and the poll would only make it newer.
LONGEST_PAUSE = 5.0  # Seconds between two polls while the store does not answer.

# Seconds beyond the interval after which requests poll in place of the thread. The thread may be dead, or
# wait for the interpreter's lock, which uWSGI without --enable-threads never releases between two requests.
LATE = 0.25

# Seconds for which requests skip the check of process, thread and polls. A child that was forked without
# hooks trusts its parent's set for that long at most, so a logout holds in the child in time.
SPARED = 0.5

# Seconds for which a poll must not become due where an event loop goes on without a thread.
MARGIN = 0.05


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of this process's revocation feed.

    Attributes:
        staleness: seconds since the last answered poll was sent. Infinite before the first poll.
        poll_seconds: seconds that the answer took. ``None`` before the first poll.
        failing: whether a poll has failed since.
        known_ends: the number of known ended sessions whose tokens may not have expired.
    """

    staleness: float
    poll_seconds: float | None
    failing: bool
    known_ends: int


class Revocations:
    """Knows the ended sessions whose access tokens have not expired.

    Args:
        store: the store of the feed.
        interval: seconds between two polls.
        max_age: the age in seconds from which the set is not trusted.
        grace: seconds for which an end is kept after the session's last access token expired. At least the
            verifier's leeway.
        when_stale: what happens when the set is too old and the store does not answer. ``reject`` raises and
            ``accept`` goes on.
        on_key_version: called with the version of the keys after each answered poll. If it raises, the poll
            has failed.
        on_settings: called with the recorded settings after each answered poll. If it raises, the poll has
            failed.
        announcements: pushes ends to and from other processes. ``None`` for polls alone.
        in_background: called by the thread after each answered poll. Requests never wait for it.
        monotonic: the clock that measures ages.

    Attributes:
        ended: returns whether the session with an id has ended. It is the set's own method, which is the
            cheapest call.
    """

    ended: Callable[[str | None], bool]

    def __init__(
        self,
        store: SessionStore,
        *,
        interval: float,
        max_age: float,
        grace: float,
        when_stale: Literal["reject", "accept"] = "reject",
        on_key_version: Callable[[int | None], None] | None = None,
        on_settings: Callable[[str], None] | None = None,
        announcements: Announcements | None = None,
        in_background: Callable[[], None] | None = None,
        monotonic: Callable[[], float] = read_clock,
    ) -> None:
        self._store = store
        self._interval = interval
        self._max_age = max_age
        self._grace = grace
        self._when_stale = when_stale
        self._on_key_version = on_key_version
        self._on_settings = on_settings
        self._announcements = announcements
        self._in_background = in_background
        self._monotonic = monotonic
        self._ended = EndedSessions()
        self.ended = self._ended.contains
        self._poll_seconds: float | None = None
        self._offset = time.time() - monotonic()
        self._spared_until = -math.inf
        self._polls = PerProcess(Polls)
        self._shared_call = SharedCall()
        self._thread = BackgroundThread(
            self, "watchword-revocations", plan_rest=Revocations._plan_rest, work=Revocations._work
        )

    def ensure_fresh(self) -> None:
        """Return if the set is fresh. Otherwise poll, or wait up to one second for a poll in progress.

        Raises:
            StoreUnavailable: the set is too old, the store does not answer, and ``when_stale`` is ``reject``.
        """
        if self._monotonic() <= self._spared_until:
            return
        self._start_thread()
        polls = self._polls.obtain()
        if not self._is_prompt(polls):
            self._catch_up(polls)
        if self._when_stale == "reject" and not self._is_trusted(polls):
            raise StoreUnavailable
        self._spare(polls)

    def is_ready(self) -> bool:
        """Return whether the set is trusted, and :meth:`ensure_fresh` would return now without I/O."""
        polls = self._polls.obtain()
        is_spared = self._monotonic() <= polls.spared_until and self._is_trusted(polls)
        return is_spared or self._is_prompt(polls)

    def is_free_of_io(self) -> bool:
        """Return whether :meth:`ensure_fresh` does no I/O, now and for a moment. It may still raise."""
        soon = self._monotonic() + MARGIN
        if soon <= self._spared_until:
            return True
        polls = self._polls.obtain()
        return soon <= polls.spared_until or soon <= self._find_prompt_end(polls) or soon < polls.retry_at

    async def ensure_fresh_async(self) -> None:
        """Do what :meth:`ensure_fresh` does in a thread, once for all coroutines that wait meanwhile.

        Raises:
            StoreUnavailable: as in :meth:`ensure_fresh`.
        """
        await self._shared_call.wait(self.ensure_fresh)

    def measure_staleness(self) -> float:
        """Return the seconds since the last answered poll was sent. Infinite before the first poll."""
        return self._monotonic() - self._polls.obtain().sent_at

    def read_status(self) -> FeedStatus:
        """Return the status of the feed."""
        return FeedStatus(
            staleness=self.measure_staleness(),
            poll_seconds=self._poll_seconds,
            failing=self._polls.obtain().failures > 0,
            known_ends=len(self._ended),
        )

    def check(self) -> None:
        """Raise unless the polls succeed. Poll first if the set is too old or there is no set yet.

        Raises:
            RevocationsUnavailable: the polls fail. The message says whether the set is too old already.
        """
        with suppress(StoreUnavailable):
            self.ensure_fresh()
        polls = self._polls.obtain()
        if not self._is_trusted(polls):
            raise RevocationsUnavailable("the known ended sessions are too old to be trusted")
        if polls.failures:
            raise RevocationsUnavailable("the polls for ended sessions fail")

    def now(self) -> float:
        """Return the store's time, carried forward from the last poll. Before it, this machine's time."""
        return self._offset + self._monotonic()

    def read_fresh_time(self) -> float:
        """Do :meth:`ensure_fresh` and return :meth:`now`.

        Both read the clock once together, because every request calls this.

        Raises:
            StoreUnavailable: as in :meth:`ensure_fresh`.
        """
        monotonic = self._monotonic()
        if monotonic > self._spared_until:
            self.ensure_fresh()
            monotonic = self._monotonic()
        return self._offset + monotonic

    def add(self, ends: Collection[SessionEnd]) -> None:
        """Add ends that this process made. They hold here at once and are announced to other processes."""
        with self._polls.obtain().changing:
            self._ended.add(ends)
        if ends and self._announcements is not None:
            self._announcements.announce()

    def poll(self) -> None:
        """Ask the store for the sessions that ended since the last poll.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        polls = self._polls.obtain()
        with polls.polling:
            self._poll(polls)

    def keep_ends_for(self, leeway: float) -> bool:
        """Keep ends for that leeway from the next poll on. Return whether they are kept for it already."""
        if leeway <= self._grace:
            return True
        self._grace = leeway
        self._polls.obtain().position = (
            None  # The next poll reads the ends again that were removed too early.
        )
        return False

    def close(self) -> None:
        """Stop the thread. It starts again when needed."""
        self._thread.close()

    def _catch_up(self, polls: Polls) -> None:
        """Poll, or wait for the caller that polls. After a failure do nothing until the next try is due."""
        patience = SHORT_PATIENCE if self._is_trusted(polls) else PATIENCE
        if self._must_wait(polls) or not polls.polling.acquire(timeout=patience):
            return
        try:
            if not self._is_prompt(polls) and not self._must_wait(polls):
                self._try_poll(polls)
        finally:
            polls.polling.release()

    def _is_trusted(self, polls: Polls) -> bool:
        return self._monotonic() <= polls.sent_at + self._max_age

    def _is_prompt(self, polls: Polls) -> bool:
        """Return whether requests need not poll.

        The last poll is recent. Or the store does not answer and the set is still trusted.
        """
        return self._monotonic() <= self._find_prompt_end(polls)

    def _find_prompt_end(self, polls: Polls) -> float:
        if polls.failures:
            return polls.sent_at + self._max_age
        return polls.sent_at + min(self._interval + LATE, self._max_age)

    def _spare(self, polls: Polls) -> None:
        """Let the next requests skip the check of process, thread and polls."""
        now, prompt_until = self._monotonic(), self._find_prompt_end(polls)
        # Where stale sets are accepted, each request would otherwise wait anew for a poll that hangs.
        usable_until = math.inf if self._when_stale == "accept" else polls.sent_at + self._max_age
        until = prompt_until if now <= prompt_until else usable_until
        polls.spared_until = self._spared_until = min(now + SPARED, until)

    def _must_wait(self, polls: Polls) -> bool:
        return self._monotonic() < polls.retry_at

    def _start_thread(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:  # The system has no thread left. Requests that find the set old poll.
            logger.warning("no thread to poll for ended sessions: %s", error)

    def _work(self) -> None:
        """Poll, and do the background work. The thread calls this after each rest."""
        polls = self._polls.obtain()
        with polls.polling:
            self._try_poll(polls)
        if self._in_background is not None and not polls.failures:
            self._run_in_background(self._in_background, polls)

    def _run_in_background(self, work: Callable[[], None], polls: Polls) -> None:
        """Do the background work. Log a failure once until it succeeds, and retry after the next poll."""
        try:
            work()
        except Exception as error:  # The thread must go on.
            if not polls.background_failed:
                expected = isinstance(error, StoreUnavailable)
                logger.warning("background work after a poll failed: %s", error, exc_info=not expected)
            polls.background_failed = True
        else:
            polls.background_failed = False

    def _plan_rest(self) -> Callable[[threading.Event], object]:
        """Return a function that waits until a poll is due or an end is announced."""
        polls, announcements = self._polls.obtain(), self._announcements
        pause = self._choose_pause(polls)
        if announcements is None:
            return partial(wait_for_stop, pause)
        if polls.failures:
            announcements.close()  # Its connection may be dead, too.
            return partial(wait_for_stop, pause)
        return partial(wait_for_end, announcements, pause, self._monotonic)

    def _choose_pause(self, polls: Polls) -> float:
        """Return the seconds until the next poll: the interval, doubled with each failure up to a bound."""
        return min(self._interval * 2.0 ** min(polls.failures, 16), max(self._interval, LONGEST_PAUSE))

    def _try_poll(self, polls: Polls) -> None:
        """Poll. Log a failure once for each outage, and plan the next try."""
        try:
            self._poll(polls)
        except Exception as error:  # The thread must go on, and callers check the age of the set.
            polls.failures += 1
            polls.retry_at = self._monotonic() + self._choose_pause(polls)
            if polls.failures == 1:
                expected = isinstance(error, StoreUnavailable)
                logger.warning("the poll for ended sessions failed: %s", error, exc_info=not expected)

    def _poll(self, polls: Polls) -> None:
        sent_at = self._monotonic()
        feed = self._read_feed(polls)
        self._poll_seconds = self._monotonic() - sent_at
        self._merge(feed)
        polls.identity, polls.position = feed.identity, feed.position
        self._offset = feed.now - sent_at
        if self._on_key_version is not None:
            self._on_key_version(feed.key_version)
        if self._on_settings is not None:
            self._on_settings(feed.settings)
        polls.sent_at = sent_at  # Only now: without the compromised keys the set is not up to date.
        if polls.failures:
            logger.info("the polls for ended sessions succeed again")
        polls.failures = 0
        polls.retry_at = -math.inf

    def _read_feed(self, polls: Polls) -> Feed:
        feed = self._store.poll(polls.identity, polls.position, grace=self._grace)
        if feed.now < polls.store_time:
            # The store's clock was set back. Ends that were removed at the later time count again.
            feed = self._store.poll(None, None, grace=self._grace)
        polls.store_time = feed.now
        return feed

    def _merge(self, feed: Feed) -> None:
        """Add the new ends. Remove ends whose tokens have all expired."""
        with self._polls.obtain().changing:
            self._ended.add(feed.ends)
            self._ended.forget(feed.now - self._grace)
