"""Hold the ids of ended sessions in memory. With a million ids a look-up takes well under a microsecond."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from watchword.stores.contract import SessionEnd

__all__ = ["EndedSessions"]

_SPAN = 10  # Seconds. Expiries are rounded up to spans, and expired ids are removed once per span.


class EndedSessions:
    """Ids of ended sessions, each with an expiry. One thread at a time may change them, and all may read.

    Attributes:
        contains: returns whether an id is in the set. It is the set's own method, which is the cheapest call.
    """

    contains: Callable[[str | None], bool]

    def __init__(self) -> None:
        # A set beside the dict, and always the same object: its look-up has half the cache misses of a dict.
        self._ids: set[str] = set()
        self._spans: dict[str, int] = {}
        self._numbers: dict[int, int] = {}  # Each number once, because a million copies would take 32 MB.
        self._forgotten_in = 0
        self.contains = self._ids.__contains__

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ends: Iterable[SessionEnd]) -> None:
        """Add ended sessions.

        A known id keeps the later expiry, because a store that was rolled back may report an earlier time.
        """
        for end in ends:
            # Add the id first: a process that is forked here must not take the id for known already.
            self._ids.add(end.session_id)
            span = math.ceil(end.access_until / _SPAN)
            if span > self._spans.get(end.session_id, -1):
                self._spans[end.session_id] = self._numbers.setdefault(span, span)

    def forget(self, before: float) -> None:
        """Remove the ids that expired before a time, up to ten seconds late. Each removal reads all ids."""
        now = math.floor(before / _SPAN)
        if now == self._forgotten_in:
            return
        self._forgotten_in = now
        over = [session_id for session_id, span in self._spans.items() if span <= now]
        for session_id in over:
            del self._spans[session_id]
        self._ids.difference_update(over)
        self._numbers = {span: number for span, number in self._numbers.items() if span > now}
