"""A pool of connections that gets along with few of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool

__all__ = ["PatientPool"]

# Seconds. A connection that nothing used for longer is closed, so that another process can have its place.
IDLE = 3.0
# Seconds between two attempts to connect to a server that has no place for this process.
PAUSE = 0.1

# What PostgreSQL says if it, the database or the role has no place. A refused connection has no error code.
_CROWDED = ("too many connections", "too many clients", "connection slots")


class PatientPool(Pool):
    """A pool that waits for a connection where the server refuses to open another.

    A connection that this process has is waited for, whatever the reason for the refusal. A process that has
    none tries again while the server says that there are too many connections.

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
        self._idle: deque[tuple[float, ConnectionPoolEntry]] = deque()  # longest idle first
        self._open = 0  # those that are idle, in use, or being opened
        self._is_disposed = False

    def recreate(self) -> PatientPool:
        """Return a new pool that is set up as this one."""
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
        """Close the idle connections. The others close when they come back."""
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
                return self._idle.pop()[1]  # the newest, so that the others can grow old
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
