"""When keys of somebody else's are fetched: decisions, as pure functions of what came of it before.

All times are seconds on a clock that never goes back.
"""

from __future__ import annotations

import math
import re
from enum import Enum, auto
from typing import NamedTuple

__all__ = [
    "COOL_DOWN",
    "NEVER",
    "STALE_LIMIT",
    "Decision",
    "Past",
    "decide",
    "failed",
    "lifetime",
    "succeeded",
]

SHORTEST, USUAL, LONGEST = 60.0, 300.0, 3_600.0
"""Seconds for which keys are fresh: at least, where the provider does not say, and at most."""

STALE_LIMIT = 86_400.0
"""Seconds for which keys are used while they cannot be fetched again."""

COOL_DOWN = 30.0
"""Seconds between two fetches because of a key that is not known."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_MAX_AGE = re.compile(r'(?<![\w-])max-age="?(\d{1,9})', re.ASCII)
_NOT_KEPT = re.compile(r"\bno-(store|cache)\b")


class Past(NamedTuple):
    """What came of the fetches so far.

    Attributes:
        fetched_at: when the last one that succeeded was sent.
        fresh_until: until when its answer is fresh.
        refresh_at: when to ask again, so that there is always a fresh one.
        asked_at: when a caller was last waiting for a fetch.
        failures: how many have failed since the last that succeeded.
        retry_at: before that nobody tries again.
    """

    fetched_at: float = -math.inf
    fresh_until: float = -math.inf
    refresh_at: float = math.inf
    asked_at: float = -math.inf
    failures: int = 0
    retry_at: float = -math.inf

    def is_usable(self, now: float) -> bool:
        """Whether the keys may still be used, fresh or not."""
        return now - self.fetched_at <= STALE_LIMIT

    @property
    def due_at(self) -> float:
        """When the next fetch is due that nobody waits for; never before a first one has succeeded."""
        return max(self.refresh_at, self.retry_at)


NEVER = Past()
"""Nothing has been fetched."""


class Decision(Enum):
    """What becomes of a search for a key.

    Attributes:
        ANSWER: with what is here.
        FETCH: first.
        UNAVAILABLE: nobody can say now.
    """

    ANSWER = auto()
    FETCH = auto()
    UNAVAILABLE = auto()


def decide(past: Past, now: float, *, found: bool) -> Decision:
    """The decision for a key that is, or is not, among those that were fetched last."""
    if not past.is_usable(now):
        return Decision.UNAVAILABLE if now < past.retry_at else Decision.FETCH
    if found:
        # Whoever refreshes ahead has not come to it: this process was asleep, or a fork. If it was tried and
        # has failed, what is stale will do, and nobody waits.
        slept = now >= past.fresh_until and not past.failures
        return Decision.FETCH if slept else Decision.ANSWER
    if past.failures:
        # A key that the provider has begun to use meanwhile looks like one that it never had. Nobody waits
        # here either: with made-up ids, a provider that hangs would soon have all of a server's threads.
        return Decision.UNAVAILABLE
    return Decision.FETCH if now >= past.asked_at + COOL_DOWN else Decision.ANSWER


def succeeded(past: Past, sent_at: float, lifetime: float, chance: float, *, asked: bool) -> Past:
    """What is known after a fetch that succeeded.

    Args:
        past: what was known before.
        sent_at: when it was sent: the answer may be that old.
        lifetime: for how long the answer is fresh.
        chance: from 0 to 1, random: processes that start together do not ask together for ever.
        asked: whether a caller was waiting.
    """
    return Past(
        fetched_at=sent_at,
        fresh_until=sent_at + lifetime,
        refresh_at=sent_at + lifetime * (0.7 + 0.2 * chance),
        asked_at=sent_at if asked else past.asked_at,
    )


def failed(past: Past, now: float, chance: float, *, asked: bool) -> Past:
    """What is known after a fetch that failed: pauses double, and are spread over their second half."""
    pause = min(_FIRST_PAUSE * 2.0 ** min(past.failures, 16), _LONGEST_PAUSE)
    return past._replace(
        failures=past.failures + 1,
        retry_at=now + pause * (0.5 + 0.5 * chance),
        asked_at=now if asked else past.asked_at,
    )


def lifetime(cache_control: str, age: str) -> float:
    """For how many seconds an answer is fresh, by ``Cache-Control`` and ``Age`` (RFC 9111 §4.2, §5.1)."""
    directives = cache_control.lower()
    if _NOT_KEPT.search(directives):
        return SHORTEST
    stated = _MAX_AGE.search(directives)
    if stated is None:
        return USUAL
    spent = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
    return min(max(int(stated[1]) - spent, SHORTEST), LONGEST)
