"""The ids of ended sessions in memory, made for a million of them: a look-up well under a microsecond."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from watchword.stores.contract import SessionEnd

__all__ = ["EndedSessions"]

_SPAN = 10  # seconds: how exactly it is remembered when an id may be forgotten, and how often that is done


class EndedSessions:
    """Ids, each until a time. One thread at a time may change them; any may look.

    Attributes:
        contains: whether an id is among them; the set's own look-up, as cheap as one can be.
    """

    contains: Callable[[str | None], bool]

    def __init__(self) -> None:
        # Beside the dict, and always the same object: a set answers with half a dict's cache misses
        self._ids: set[str] = set()
        self._spans: dict[str, int] = {}
        self._numbers: dict[int, int] = {}  # each number once: a million of their own would take 32 MB
        self._forgotten_in = 0
        self.contains = self._ids.__contains__

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ends: Iterable[SessionEnd]) -> None:
        """Remember these; of two times for one id, which a store that was rolled back may give, the later."""
        for end in ends:
            # first, and always: a process that is forked in between must not take it for known already
            self._ids.add(end.session_id)
            span = math.ceil(end.access_until / _SPAN)
            if span > self._spans.get(end.session_id, -1):
                self._spans[end.session_id] = self._numbers.setdefault(span, span)

    def forget(self, before: float) -> None:
        """Forget those whose time is over by then; up to ten seconds late, as each time all are looked at."""
        now = math.floor(before / _SPAN)
        if now == self._forgotten_in:
            return
        self._forgotten_in = now
        over = [session_id for session_id, span in self._spans.items() if span <= now]
        for session_id in over:
            del self._spans[session_id]
        self._ids.difference_update(over)
        self._numbers = {span: number for span, number in self._numbers.items() if span > now}
