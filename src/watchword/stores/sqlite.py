"""SQLite: its file, its connections, its transactions. All that is SQLite's alone stands here."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection, QueuePool, StaticPool, create_engine, event, select, update
from sqlalchemy.exc import DisconnectionError

from watchword.errors import StoreUnavailable
from watchword.stores.schema import store

__all__ = ["SqliteDatabase"]

BUSY_TIMEOUT = 5.0

_FileId: TypeAlias = tuple[int, int]


class SqliteDatabase:
    """One SQLite database: a file that is made where there is none, or memory where there is no path.

    Writers are serial. A transaction that lost its file under it raises SQLAlchemy's ``DisconnectionError``;
    whatever else goes wrong is another of SQLAlchemy's errors.

    Args:
        path: the file; ``None`` for a database in memory, which is gone when closed.

    Attributes:
        path: as given.
        in_memory: whether it is gone when closed.
        announcements: nothing is announced here.
    """

    announcements = None

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.in_memory = path is None
        self._renew_locks()
        if path is None:
            self._engine = create_engine("sqlite://", creator=self._connect, poolclass=StaticPool)
        else:
            _create_file(path)
            self._engine = create_engine(
                "sqlite://", creator=self._connect, poolclass=QueuePool, pool_timeout=BUSY_TIMEOUT
            )
            event.listen(self._engine, "checkout", self._check_file)
        _databases.add(self)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state and keeps nobody from writing."""
        # the one connection of a database in memory cannot hold two transactions
        turn = self._turn() if self.path is None else nullcontext()
        with self._running(), turn, self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its beginning and has committed at the end."""
        with self._running(), self._turn(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
            self._check_file(connection.connection.dbapi_connection)  # or it is not to be acknowledged

    def upgrade(self) -> AbstractContextManager[Connection]:
        """A write as any other: they go in a row."""
        return self.write()

    def moment(self, _connection: Connection, _turn: str | None = None) -> float:
        """This machine's time, on which the file is; writers go in a row anyway."""
        return time.time()

    def lineage(self, connection: Connection) -> str:
        """Names the file, since a backup put in its place has the same identity inside."""
        opened = connection.connection.dbapi_connection
        return repr(opened.file) if isinstance(opened, _SqliteConnection) else ""

    def place_in_feed(self, connection: Connection) -> int:
        """Where in the feed what this transaction ends has its place: the next in a sequence."""
        following = update(store).values(end_sequence=store.c.end_sequence + 1)
        return int(connection.execute(following.returning(store.c.end_sequence)).scalar_one())

    def reached(self, connection: Connection) -> int:
        """The place up to which the feed is complete: the last, as writers are serial."""
        return int(connection.execute(select(store.c.end_sequence)).scalar_one())

    def close(self) -> None:
        """Close every idle connection; the others close when they come back."""
        self._engine.dispose()

    def before_fork(self) -> None:
        """Let transactions come to their end, hold new ones back, and close (sqlite.org/howtocorrupt §2.6).

        A child that inherits an open file believes that it holds the locks on it that its parent holds.
        """
        with self._gate:
            self._forking = True
            self._gate.wait_for(lambda: not self._transactions, timeout=BUSY_TIMEOUT)
        if self.path is not None:
            self.close()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        with self._gate:
            self._forking = False
            self._gate.notify_all()

    def after_fork_in_child(self) -> None:
        """Go on, with nothing that threads of the parent hold."""
        self._renew_locks()
        if self.path is not None:
            self._engine.dispose(close=False)

    def _renew_locks(self) -> None:
        self._gate = threading.Condition()
        self._forking = False
        self._transactions = 0
        self._writing = threading.Lock()

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Count a transaction, so that a fork can wait for it."""
        with self._gate:
            self._gate.wait_for(lambda: not self._forking)
            self._transactions += 1
        try:
            yield
        finally:
            with self._gate:
                self._transactions -= 1
                self._gate.notify_all()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Threads queue for a lock of ours: SQLite's own would have them sleep and try again."""
        lock = self._writing
        if not lock.acquire(timeout=BUSY_TIMEOUT):
            raise StoreUnavailable
        try:
            yield
        finally:
            lock.release()

    def _connect(self) -> sqlite3.Connection:
        if self.path is None:
            return _prepared(_open(":memory:"))
        file = _file_id(self.path)  # before it is opened, and compared after: a swap in between shows
        # mode=rw: a database that was deleted is an error, not a new and empty one
        connection = _open(f"{self.path.as_uri()}?mode=rw", uri=True)
        connection.file = file
        try:
            self._check_file(connection)
            _switch_to_wal(connection)
            return _prepared(connection)
        except BaseException:
            connection.close()
            raise

    def _check_file(self, connection: object, *_: object) -> None:
        """Raise if the path no longer names the connection's file: what is written there would be lost."""
        if self.path is None or not isinstance(connection, _SqliteConnection):
            return
        if connection.file is None or connection.file != _file_id(self.path):
            raise DisconnectionError


class _SqliteConnection(sqlite3.Connection):
    """A connection that remembers which file it opened."""

    file: _FileId | None = None


def _open(database: str, *, uri: bool = False) -> _SqliteConnection:
    return sqlite3.connect(
        database,
        uri=uri,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,  # transactions begin and end where this module says, not the driver
        check_same_thread=False,  # the pool hands a connection to one thread at a time
        factory=_SqliteConnection,
    )


def _prepared(connection: _SqliteConnection) -> _SqliteConnection:
    # FULL: in WAL mode NORMAL loses acknowledged commits, and with them logouts, at a power failure
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # SQLite may have been built without its mathematical functions
    connection.create_function("floor", 1, math.floor, deterministic=True)
    return connection


def _switch_to_wal(connection: _SqliteConnection) -> None:
    """Write-ahead logging; SQLite itself does not wait for a process that switches at the same moment."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # the rest says how it is locked
            if not is_locked or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _create_file(path: Path) -> None:
    """Make the file with mode 0600 unless it is there; SQLite copies the mode to ``-wal`` and ``-shm``."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def _file_id(path: Path) -> _FileId | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


_databases: weakref.WeakSet[SqliteDatabase] = weakref.WeakSet()


def _before_fork() -> None:
    for database in _databases:
        database.before_fork()


def _after_fork_in_parent() -> None:
    for database in _databases:
        database.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for database in _databases:
        database.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
