"""Word of ended sessions between two polls."""

from __future__ import annotations

import threading
from typing import Protocol

__all__ = ["Announcements"]


class Announcements(Protocol):
    """Word that sessions have ended, which comes sooner than the next poll.

    Nobody relies on it: it says nothing but that there is news, may come for nothing, and may be lost. So
    nothing is ever raised here, and whoever waits polls again when the time is over.
    """

    def announce(self) -> None:
        """Tell all that wait, in every process; called when an end has committed."""
        ...

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Return when something was announced since the last call, when that time is over, or when it stops.

        What is announced between two calls may not be lost, unless the connection is. One thread calls this.
        """
        ...

    def close(self) -> None:
        """Give back the connection; the next call of :meth:`wait` makes another one."""
        ...
