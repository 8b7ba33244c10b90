"""The port for push notifications that sessions have ended."""

from __future__ import annotations

import threading
from typing import Protocol

__all__ = ["Announcements"]


class Announcements(Protocol):
    """Push notifications that sessions have ended. Optional: polling alone is enough.

    An announcement says only that a poll is worthwhile. It may be lost, and it may come without an end. So no
    method raises, and a process that waits polls again when its time is over.
    """

    def announce(self) -> None:
        """Notify every process that waits. Called when an end has committed."""
        ...

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Wait for an announcement since the last call, for ``seconds`` at most or until ``stopping`` is set.

        An announcement between two calls must not be lost, unless the connection is lost. A single thread of
        a process calls this.
        """
        ...

    def close(self) -> None:
        """Close the connection. The next call of :meth:`wait` opens another connection."""
        ...
