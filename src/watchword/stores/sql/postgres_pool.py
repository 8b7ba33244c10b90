"""A pool for a server that allows few connections."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool

__all__ = ["PatientPool"]

# Seconds. A connection that is idle for longer is closed, so that another process can connect.
IDLE = 3.0
# Seconds between two attempts to connect to a server that has too many connections.
PAUSE = 0.1

# PostgreSQL's messages if the server, the database or the role has too many connections. A refused connection
# has no error code.
_CROWDED = ("too many connections", "too many clients", "connection slots")


class PatientPool(Pool):
    """A pool that waits for a connection if the server refuses to open another.

    A process that has connections waits for them, whatever the reason for the refusal. A process without
    connections tries again while the server says that there are too many.

    Args:
        creator: opens a connection.
        pool_size: how many connections there are at most.
        timeout: seconds that a thread waits for a connection.
    """

    def __init__(self, creator: Any, pool_size: int, timeout: float, **options: Any) -> None:
        super().__init__(creator, **options)
        self._size = pool_size
        self._timeout = timeout
        self._changed = threading.Condition()
        self._idle: deque[tuple[float, ConnectionPoolEntry]] = deque()  # The longest idle is first.
        self._open = 0  # Connections that are idle, in use, or being opened.
        self._is_disposed = False

    def recreate(self) -> PatientPool:
        """Return a new pool with the same configuration."""
        return PatientPool(
            self._creator,
            pool_size=self._size,
            timeout=self._timeout,
            recycle=self._recycle,
            echo=self.echo,
            reset_on_return=self._reset_on_return,
            pre_ping=self._pre_ping,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        """Close the idle connections. The other connections close when they are returned."""
        with self._changed:
            self._is_disposed = True
            idle = [entry for _, entry in self._idle]
            self._idle.clear()
            self._open -= len(idle)
            self._changed.notify_all()
        for entry in idle:
            entry.close()

    def _do_get(self) -> ConnectionPoolEntry:
        deadline = time.monotonic() + self._timeout
        while True:
            entry = self._take_idle(deadline) or self._open_another(deadline)
            if entry is not None:
                return entry

    def _take_idle(self, deadline: float) -> ConnectionPoolEntry | None:
        """Return an idle connection, or ``None`` once this thread may open another."""
        with self._changed:
            while not self._idle and self._open >= self._size:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise PoolTimeout(f"all {self._size} connections are in use (database_connections)")
            if self._idle:
                return self._idle.pop()[1]  # The newest, so that the others can become old.
            self._open += 1
            return None

    def _open_another(self, deadline: float) -> ConnectionPoolEntry | None:
        """Return a new connection, or ``None`` to try again."""
        try:
            return self._create_connection()
        except BaseException as error:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()
            if not isinstance(error, Exception) or not self._can_retry(error, deadline):
                raise
            return None

    def _can_retry(self, error: Exception, deadline: float) -> bool:
        """Wait until it is worth another try to get a connection. Return whether it is."""
        remaining = deadline - time.monotonic()
        with self._changed:
            if self._open:
                self._changed.wait_for(lambda: self._idle or not self._open, remaining)
                return bool(self._idle)
        if remaining < PAUSE or not any(words in str(error) for words in _CROWDED):
            return False
        time.sleep(PAUSE)
        return True

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        now = time.monotonic()
        closing = []
        with self._changed:
            if self._is_disposed or record.dbapi_connection is None:
                closing.append(record)
            else:
                self._idle.append((now, record))
            while len(self._idle) > 1 and self._idle[0][0] < now - IDLE:
                closing.append(self._idle.popleft()[1])
            self._open -= len(closing)
            self._changed.notify_all()
        for entry in closing:
            entry.close()
