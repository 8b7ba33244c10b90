"""Decide when keys of other issuers are fetched. Pure functions of the fetches so far.

All times are seconds on a clock that never goes back.
"""

from __future__ import annotations

import math
import re
from enum import Enum, auto
from typing import NamedTuple

__all__ = [
    "COOL_DOWN",
    "NO_FETCH",
    "STALE_LIMIT",
    "FetchHistory",
    "SearchDecision",
    "decide_search",
    "read_lifetime",
    "record_failure",
    "record_success",
]

SHORTEST, USUAL, LONGEST = 60.0, 300.0, 3_600.0
"""Seconds for which keys are fresh: at least, if the provider names no time, and at most."""

STALE_LIMIT = 86_400.0
"""Seconds for which keys stay in use while fetches fail."""

COOL_DOWN = 30.0
"""Seconds between two fetches that unknown keys cause."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_MAX_AGE = re.compile(r'(?<![\w-])max-age="?(\d{1,9})', re.ASCII)
_NOT_KEPT = re.compile(r"\bno-(store|cache)\b")


class FetchHistory(NamedTuple):
    """The outcome of the fetches so far.

    Attributes:
        fetched_at: when the last successful fetch was sent.
        fresh_until: until when its answer is fresh.
        refresh_at: when to fetch again, so that the keys are always fresh.
        asked_at: when a caller last waited for a fetch.
        failures: how many fetches have failed since the last success.
        retry_at: the time before which no fetch is tried again.
    """

    fetched_at: float = -math.inf
    fresh_until: float = -math.inf
    refresh_at: float = math.inf
    asked_at: float = -math.inf
    failures: int = 0
    retry_at: float = -math.inf

    def is_usable(self, now: float) -> bool:
        """Return whether the keys may still be used, fresh or stale."""
        return now - self.fetched_at <= STALE_LIMIT

    @property
    def due_at(self) -> float:
        """When the next background fetch is due. Never before a first fetch has succeeded."""
        return max(self.refresh_at, self.retry_at)


NO_FETCH = FetchHistory()
"""The history before the first fetch."""


class SearchDecision(Enum):
    """What a search for a key does.

    Attributes:
        ANSWER: use the keys in memory.
        FETCH: fetch first.
        UNAVAILABLE: fail, because the provider cannot be asked now.
    """

    ANSWER = auto()
    FETCH = auto()
    UNAVAILABLE = auto()


def decide_search(history: FetchHistory, now: float, *, found: bool) -> SearchDecision:
    """Decide what a search does for a key that is (``found``) or is not among the keys in memory."""
    if not history.is_usable(now):
        return SearchDecision.UNAVAILABLE if now < history.retry_at else SearchDecision.FETCH
    if found:
        # The background refresh has not run (suspended or forked process): fetch now. If it ran and failed,
        # use the stale keys without waiting.
        slept = now >= history.fresh_until and not history.failures
        return SearchDecision.FETCH if slept else SearchDecision.ANSWER
    if history.failures:
        # The key may be new at the provider, or may never have existed. Do not wait: with made-up key ids, a
        # provider that hangs would soon hold all threads of a server.
        return SearchDecision.UNAVAILABLE
    return SearchDecision.FETCH if now >= history.asked_at + COOL_DOWN else SearchDecision.ANSWER


def record_success(
    history: FetchHistory, sent_at: float, lifetime: float, chance: float, *, asked: bool
) -> FetchHistory:
    """Return the history after a successful fetch.

    Args:
        history: the fetches before.
        sent_at: when the fetch was sent: the answer may be that old.
        lifetime: seconds for which the answer is fresh.
        chance: random, from 0 to 1. Processes that start together must not fetch together for ever.
        asked: whether a caller waited.
    """
    return FetchHistory(
        fetched_at=sent_at,
        fresh_until=sent_at + lifetime,
        refresh_at=sent_at + lifetime * (0.7 + 0.2 * chance),
        asked_at=sent_at if asked else history.asked_at,
    )


def record_failure(history: FetchHistory, now: float, chance: float, *, asked: bool) -> FetchHistory:
    """Return the history after a failed fetch. Pauses double, and are spread over their second half."""
    pause = min(_FIRST_PAUSE * 2.0 ** min(history.failures, 16), _LONGEST_PAUSE)
    return history._replace(
        failures=history.failures + 1,
        retry_at=now + pause * (0.5 + 0.5 * chance),
        asked_at=now if asked else history.asked_at,
    )


def read_lifetime(cache_control: str, age: str) -> float:
    """Return for how many seconds an answer is fresh.

    ``Cache-Control`` and ``Age`` count, within 1 minute and 1 hour (RFC 9111 §4.2, §5.1).
    """
    directives = cache_control.lower()
    if _NOT_KEPT.search(directives):
        return SHORTEST
    stated = _MAX_AGE.search(directives)
    if stated is None:
        return USUAL
    spent = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
    return min(max(int(stated[1]) - spent, SHORTEST), LONGEST)
