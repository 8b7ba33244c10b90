"""The sessions that ended while tokens of them are still about: a set in memory, and the feed that fills it.

Verifying a token looks into the set and does no I/O. A daemon thread asks the store at short intervals what
ended since, and sooner where an end is announced; ends made by this process are added at once. The age of
what is known is known too, and too old a set is never trusted silently.
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
from watchword.clocks import elapsed
from watchword.errors import RevocationsUnavailable, StoreUnavailable
from watchword.forks import PerProcess
from watchword.sessions.ended import EndedSessions
from watchword.sessions.shared_calls import SharedCall
from watchword.stores.contract import Announcements, Feed, SessionEnd, SessionStore

__all__ = ["FeedStatus", "Revocations"]

logger = logging.getLogger("watchword.revocations")

PATIENCE = 1.0  # seconds that a request waits for another one's poll
SHORT_PATIENCE = 0.1  # seconds, where what is known may be trusted, and only a newer answer is hoped for
LONGEST_PAUSE = 5.0  # seconds between two tries while the store is away
SPACING = 0.1  # of an interval, between two polls at least: or each of many ends at once would make one

# Seconds beyond the interval after which requests poll, because the thread does not. It may be dead, or wait
# for the interpreter's lock, which uWSGI without --enable-threads never lets go between two requests.
LATE = 0.25

# Seconds for which requests do not look whether process, thread and polls are as they should be. A child that
# was forked without hooks trusts what its parent knew for that long at most, so a logout holds there in time.
SPARED = 0.5

# Seconds for which a poll must not become due where an event loop goes on without a thread.
MARGIN = 0.05


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
        on_settings: called with the recorded settings after each answered poll. If it raises, the poll has
            failed.
        announcements: word of ends from other processes, and to them; ``None`` for the polls alone.
        in_background: called by the thread after each poll that was answered; requests never wait for it.
        monotonic: clock by which ages are counted.

    Attributes:
        ended: whether the session of that id has ended; the set's own look-up, as cheap as one can be.
        key_version: the store's, as of the last poll; ``None`` before the first.
    """

    ended: Callable[[str | None], bool]
    key_version: int | None

    def __init__(
        self,
        store: SessionStore,
        *,
        interval: float,
        max_age: float,
        grace: float,
        when_stale: Literal["reject", "accept"] = "reject",
        on_keys_changed: Callable[[int], None] | None = None,
        on_settings: Callable[[str], None] | None = None,
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
        self._on_settings = on_settings
        self._announcements = announcements
        self._in_background = in_background
        self._monotonic = monotonic
        self._ended = EndedSessions()
        self.ended = self._ended.contains
        self.key_version = None
        self._poll_seconds: float | None = None
        self._offset = time.time() - monotonic()
        self._spared_until = -math.inf
        self._polls = PerProcess(_Polls)
        self._shared_call = SharedCall()
        self._thread = BackgroundThread(
            self, "watchword-revocations", plan_rest=Revocations._plan_rest, work=Revocations._work
        )

    def ensure_fresh(self) -> None:
        """Return at once if the set is young enough; otherwise poll, or wait a second for who is polling.

        Raises:
            StoreUnavailable: the set is too old, the store does not answer, and ``when_stale`` is ``reject``.
        """
        if self._monotonic() <= self._spared_until:
            return
        self._start_thread()
        polls = self._polls.obtain()
        if not self._is_prompt(polls):
            self._catch_up(polls)
        if self._is_trusted(polls):
            self._spare(polls)
        elif self._when_stale == "reject":
            raise StoreUnavailable

    def is_ready(self) -> bool:
        """Whether :meth:`ensure_fresh` would return at once, without I/O."""
        polls = self._polls.obtain()
        return self._monotonic() <= polls.spared_until or self._is_prompt(polls)

    def is_free_of_io(self) -> bool:
        """Whether :meth:`ensure_fresh` does no I/O, now and for a moment. It may raise all the same."""
        polls = self._polls.obtain()
        soon = self._monotonic() + MARGIN
        return soon <= polls.spared_until or soon <= self._find_prompt_end(polls) or soon < polls.retry_at

    async def ensure_fresh_async(self) -> None:
        """Do what :meth:`ensure_fresh` does in a thread, once for all coroutines that wait meanwhile.

        Raises:
            StoreUnavailable: as in :meth:`ensure_fresh`.
        """
        await self._shared_call.wait(self.ensure_fresh)

    def measure_staleness(self) -> float:
        """Seconds since the last answered poll was sent; infinite before the first."""
        return self._monotonic() - self._polls.obtain().sent_at

    def read_status(self) -> FeedStatus:
        """How it stands with the news."""
        return FeedStatus(
            staleness=self.measure_staleness(),
            poll_seconds=self._poll_seconds,
            failing=self._polls.obtain().failures > 0,
            known_ends=len(self._ended),
        )

    def check(self) -> None:
        """Return if the news come; a set that is too old, or nobody's yet, is polled for first.

        Raises:
            RevocationsUnavailable: they do not; the message says whether what is known is too old already.
        """
        with suppress(StoreUnavailable):
            self.ensure_fresh()
        polls = self._polls.obtain()
        if not self._is_trusted(polls):
            raise RevocationsUnavailable("what is known of ended sessions is too old to be trusted")
        if polls.failures:
            raise RevocationsUnavailable("the polls for ended sessions fail")

    def now(self) -> float:
        """The store's time, carried forward from the last poll; before the first one this machine's."""
        return self._offset + self._monotonic()

    def read_fresh_time(self) -> float:
        """The store's time by a set that is young enough: :meth:`ensure_fresh`, then :meth:`now`.

        One look at the clock does for both, as every request asks.

        Raises:
            StoreUnavailable: as in :meth:`ensure_fresh`.
        """
        monotonic = self._monotonic()
        if monotonic > self._spared_until:
            self.ensure_fresh()
            monotonic = self._monotonic()
        return self._offset + monotonic

    def add(self, ends: Collection[SessionEnd]) -> None:
        """Take note of ends that this process made: they hold here at once, and are announced to others."""
        with self._polls.obtain().changing:
            self._ended.add(ends)
        if ends and self._announcements is not None:
            self._announcements.announce()

    def poll(self) -> None:
        """Ask the store what ended since the last poll.

        Raises:
            StoreUnavailable: it does not answer.
        """
        polls = self._polls.obtain()
        with polls.polling:
            self._poll(polls)

    def keep_ends_for(self, leeway: float) -> bool:
        """Whether ends are kept for that leeway. If not, they are from the next poll on."""
        if leeway <= self._grace:
            return True
        self._grace = leeway
        self._polls.obtain().position = None  # what was forgotten too early is read again
        return False

    def close(self) -> None:
        """Stop the thread. It starts again when it is needed."""
        self._thread.close()

    def _catch_up(self, polls: _Polls) -> None:
        """Let a single caller poll, and the others wait for it. After a failure wait until a try is due."""
        patience = SHORT_PATIENCE if self._is_trusted(polls) else PATIENCE
        if self._must_wait(polls) or not polls.polling.acquire(timeout=patience):
            return
        try:
            if not self._is_prompt(polls) and not self._must_wait(polls):
                self._try_poll(polls)
        finally:
            polls.polling.release()

    def _is_trusted(self, polls: _Polls) -> bool:
        return self._monotonic() <= polls.sent_at + self._max_age

    def _is_prompt(self, polls: _Polls) -> bool:
        """Whether no request has to poll: the last poll is young, or it is trusted and the store is away."""
        return self._monotonic() <= self._find_prompt_end(polls)

    def _find_prompt_end(self, polls: _Polls) -> float:
        if polls.failures:
            return polls.sent_at + self._max_age
        return polls.sent_at + min(self._interval + LATE, self._max_age)

    def _spare(self, polls: _Polls) -> None:
        """Spare the next requests the look at process, thread and polls."""
        now, prompt_until = self._monotonic(), self._find_prompt_end(polls)
        until = prompt_until if now <= prompt_until else polls.sent_at + self._max_age
        polls.spared_until = self._spared_until = min(now + SPARED, until)

    def _must_wait(self, polls: _Polls) -> bool:
        return self._monotonic() < polls.retry_at

    def _start_thread(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:  # the system has no thread left; whoever finds the set old polls
            logger.warning("no thread for the news of ended sessions: %s", error)

    def _work(self) -> None:
        """Do what the thread does after each rest."""
        polls = self._polls.obtain()
        with polls.polling:
            self._try_poll(polls)
        if self._in_background is not None and not polls.failures:
            self._run_in_background(self._in_background, polls)

    def _run_in_background(self, work: Callable[[], None], polls: _Polls) -> None:
        """Whatever goes wrong is logged once until it goes right, and tried again after the next poll."""
        try:
            work()
        except Exception as error:  # the thread must live on
            if not polls.background_failed:
                expected = isinstance(error, StoreUnavailable)
                logger.warning("work beside the polls failed: %s", error, exc_info=not expected)
            polls.background_failed = True
        else:
            polls.background_failed = False

    def _plan_rest(self) -> Callable[[threading.Event], object]:
        """Return what waits until a poll is due, or an end is announced."""
        polls, announcements = self._polls.obtain(), self._announcements
        pause = self._choose_pause(polls)
        if announcements is None:
            return partial(_wait, pause)
        if polls.failures:
            announcements.close()  # its connection may be as dead as the one for the polls
            return partial(_wait, pause)
        return partial(_listen, announcements, pause, self._monotonic)

    def _choose_pause(self, polls: _Polls) -> float:
        """Seconds until the next poll: the interval, doubled with each failure up to a bound."""
        return min(self._interval * 2.0 ** min(polls.failures, 16), max(self._interval, LONGEST_PAUSE))

    def _try_poll(self, polls: _Polls) -> None:
        """Poll; whatever goes wrong is logged once for each outage, and waited out."""
        try:
            self._poll(polls)
        except Exception as error:  # the thread must live on, and a caller looks at the age
            polls.failures += 1
            polls.retry_at = self._monotonic() + self._choose_pause(polls)
            if polls.failures == 1:
                expected = isinstance(error, StoreUnavailable)
                logger.warning("no news of ended sessions: %s", error, exc_info=not expected)

    def _poll(self, polls: _Polls) -> None:
        sent_at = self._monotonic()
        feed = self._read_feed(polls)
        self._poll_seconds = self._monotonic() - sent_at
        self._merge(feed)
        polls.identity, polls.position = feed.identity, feed.position
        self._offset = feed.now - sent_at
        if feed.key_version != self.key_version and self._on_keys_changed is not None:
            self._on_keys_changed(feed.key_version)
        self.key_version = feed.key_version
        if self._on_settings is not None:
            self._on_settings(feed.settings)
        polls.sent_at = sent_at  # only now: who has not heard of a compromised key is not up to date
        if polls.failures:
            logger.info("news of ended sessions again")
        polls.failures = 0
        polls.retry_at = -math.inf

    def _read_feed(self, polls: _Polls) -> Feed:
        feed = self._store.poll(polls.identity, polls.position, grace=self._grace)
        if feed.now < polls.store_time:
            # The store's clock was set back. Ends that were forgotten at the later time count again.
            feed = self._store.poll(None, None, grace=self._grace)
        polls.store_time = feed.now
        return feed

    def _merge(self, feed: Feed) -> None:
        """Add what is new, drop what no token can need."""
        with self._polls.obtain().changing:
            self._ended.add(feed.ends)
            self._ended.forget(feed.now - self._grace)


class _Polls:
    """How the polls of one process stand. A forked child begins anew, without a position in the feed.

    The ends that its parent knew stay known to it, since an end is never taken back.

    Attributes:
        polling: held during a poll.
        changing: held while the set of ends changes.
        identity: of the store, as of the last poll.
        position: in the feed, as of the last poll.
        store_time: the store's time, as of the last poll.
        sent_at: when the last answered poll was sent.
        spared_until: before that no request looks how the polls stand.
        retry_at: before that no request polls.
        failures: how many polls have failed since the last answered poll.
        background_failed: whether the work beside the polls failed last time.
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


def _wait(seconds: float, stopping: threading.Event) -> None:
    stopping.wait(seconds)


def _listen(
    announcements: Announcements,
    seconds: float,
    monotonic: Callable[[], float],
    stopping: threading.Event,
) -> None:
    """Wait until an end is announced, and a little longer for the ends that come together."""
    began = monotonic()
    announcements.wait(seconds, stopping)
    stopping.wait(max(0.0, began + seconds * SPACING - monotonic()))
