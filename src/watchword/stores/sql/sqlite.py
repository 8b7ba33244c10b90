"""What only SQLite needs: its file, its connections, its transactions, and what a fork does to them."""

# ruff: noqa: D102 -- the base class's docstrings hold, and ``help`` shows them

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    QueuePool,
    StaticPool,
    create_engine,
    event,
    select,
    update,
)
from sqlalchemy.exc import DisconnectionError

from watchword.errors import StoreUnavailable
from watchword.forks import PerProcess
from watchword.stores.sql.database import SqlDatabase
from watchword.stores.sql.schema import store
from watchword.stores.sql.sqlite_file import FileId, create_file, identify_file

__all__ = ["SqliteDatabase"]

BUSY_TIMEOUT = 5.0


class SqliteDatabase(SqlDatabase):
    """An SQLite database in a file or in memory. A missing file is made.

    Writers are serial. A transaction whose file was replaced raises SQLAlchemy's ``DisconnectionError``.

    Args:
        path: the file. ``None`` for a database in memory, which is gone when closed.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.in_memory = path is None
        self._writing = PerProcess(threading.Lock)
        if path is None:
            # A forked child continues with its own copy of the memory.
            engine = create_engine("sqlite://", creator=_connect_to_memory, poolclass=StaticPool)
            self._engines = PerProcess(lambda: engine)
        else:
            create_file(path)
            self._engines = PerProcess(partial(_make_engine, path))
        weakref.finalize(self, _close, self._engines).atexit = False

    @contextmanager
    def begin_read(self) -> Iterator[Connection]:
        # A database in memory has a single connection, which cannot hold two transactions.
        turn = self._wait_for_turn() if self.path is None else nullcontext()
        with turn, self._engines.obtain().connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """Begin a transaction that holds the write lock from its beginning."""
        with self._wait_for_turn(), self._engines.obtain().connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
            # A commit into a file that was replaced meanwhile must not be acknowledged.
            _check_file(connection.connection.dbapi_connection)

    def begin_upgrade(self) -> AbstractContextManager[Connection]:
        """Begin a write. Writers are serial anyway."""
        return self.begin_write()

    def read_clock(self, connection: Connection, lock: str | None = None) -> float:  # noqa: ARG002 -- PostgreSQL needs them
        """Return this machine's time, because the file is on this machine. Writers are serial anyway."""
        return time.time()

    def read_lineage(self, connection: Connection) -> str:
        """Return which file it is, because a backup in its place has the same identity inside."""
        opened = connection.connection.dbapi_connection
        return repr(opened.file) if isinstance(opened, _SqliteConnection) else ""

    def take_position(self, connection: Connection) -> int:
        """Return the next number of a sequence."""
        following = update(store).values(end_sequence=store.c.end_sequence + 1)
        return int(connection.execute(following.returning(store.c.end_sequence)).scalar_one())

    def read_mark(self, connection: Connection) -> str:
        return str(self.read_complete_position(connection))

    def is_after(self, position: ColumnElement[int], mark: str) -> ColumnElement[bool]:
        return position > int(mark)

    def read_complete_position(self, connection: Connection) -> int:
        """Return the last number of the sequence, because writers are serial."""
        return int(connection.execute(select(store.c.end_sequence)).scalar_one())

    def close(self) -> None:
        _close(self._engines)

    @contextmanager
    def _wait_for_turn(self) -> Iterator[None]:
        """Queue for a lock between threads. SQLite's own lock would let them sleep and try again."""
        lock = self._writing.obtain()
        if not lock.acquire(timeout=BUSY_TIMEOUT):
            raise StoreUnavailable
        try:
            yield
        finally:
            lock.release()


class _SqliteConnection(sqlite3.Connection):
    """A connection that remembers what it opened.

    Attributes:
        path: the path that was opened. ``None`` for a database in memory.
        file: the identity of the file that was opened.
        is_idle: whether the connection waits in a pool.
    """

    path: Path | None = None
    file: FileId | None = None
    is_idle = False


class _Connections:
    """The connections to files that a process has opened.

    Attributes:
        opening: held while a connection is opened.
        opened: the connections by their identity, as long as they are referenced.
        abandoned: inherited connections that must not be destroyed.
    """

    def __init__(self) -> None:
        self.opening = threading.Lock()
        self.opened: weakref.WeakValueDictionary[int, _SqliteConnection] = weakref.WeakValueDictionary()
        self.abandoned: list[_SqliteConnection] = []

    def list_open(self) -> list[_SqliteConnection]:
        """Return the connections that are still referenced."""
        references = self.opened.valuerefs()
        return [connection for reference in references if (connection := reference()) is not None]

    def abandon_inherited(self, inherited: _Connections) -> None:
        """Close the connections that the parent did not use when it forked, and abandon the others.

        SQLite keeps its locks by process and file. A child that inherits a connection to a file assumes that
        it holds the locks of that connection, and takes none for its own connections. It then loses its
        commits when the last other process deletes the write-ahead log. SQLite forgets the locks only when
        every connection to the file is closed. So idle connections are closed before another is opened.

        sqlite.org/howtocorrupt.html warns against closing in a child, because that may undo what the parent
        does. But an idle connection has no transaction. And the log is deleted only under an exclusive lock,
        which a child does not get while its parent has the file open. A connection in use is not touched,
        because its transaction belongs to the parent.
        """
        for connection in [*inherited.list_open(), *inherited.abandoned]:
            if connection.is_idle:
                connection.close()
            else:
                self.abandoned.append(connection)


_connections = PerProcess(_Connections)


def _make_engine(path: Path) -> Engine:
    engine = create_engine(
        "sqlite://", creator=partial(_connect, path), poolclass=QueuePool, pool_timeout=BUSY_TIMEOUT
    )
    event.listen(engine, "handle_error", partial(_on_error, path))
    event.listen(engine, "checkout", _on_checkout)
    event.listen(engine, "checkin", _on_checkin)
    return engine


def _close(engines: PerProcess[Engine]) -> None:
    engine = engines.find()
    if engine is not None:
        engine.dispose()


def _on_checkout(connection: _SqliteConnection, *_: object) -> None:
    connection.is_idle = False  # Set before reading is_under_way: the hook before a fork reads it.
    while _fork.is_under_way:
        connection.is_idle = True
        time.sleep(0.001)
        connection.is_idle = False
    _check_file(connection)


def _on_checkin(connection: _SqliteConnection | None, _record: object) -> None:
    if connection is not None:  # A lost connection is None.
        connection.is_idle = True


def _connect_to_memory() -> _SqliteConnection:
    return _prepare(_open(":memory:"))


def _connect(path: Path) -> _SqliteConnection:
    connections = _connections.obtain()
    with connections.opening:
        while _connections.inherited:
            connections.abandon_inherited(_connections.inherited.pop())
        # Identified before opening and compared afterwards, so that a replacement in between is noticed.
        file = identify_file(path)
        # mode=rw, because a deleted database must be an error and not become an empty database.
        connection = _open(f"{path.as_uri()}?mode=rw", uri=True)
        connection.path, connection.file = path, file
        connections.opened[id(connection)] = connection
    try:
        _check_file(connection)
        _use_write_ahead_log(connection)
        return _prepare(connection)
    except BaseException:
        connection.close()
        raise


def _check_file(connection: object) -> None:
    """Raise if the path no longer names the connection's file: what is written there would be lost."""
    if not isinstance(connection, _SqliteConnection) or connection.path is None:
        return
    if connection.file is None or connection.file != identify_file(connection.path):
        raise DisconnectionError


def _open(database: str, *, uri: bool = False) -> _SqliteConnection:
    return sqlite3.connect(
        database,
        uri=uri,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,  # This module begins and ends transactions, not the driver.
        check_same_thread=False,  # The pool gives a connection to a single thread at a time.
        factory=_SqliteConnection,
    )


def _prepare(connection: _SqliteConnection) -> _SqliteConnection:
    # In WAL mode, NORMAL loses acknowledged commits at a power failure, and logouts with them.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # SQLite may have been built without its mathematical functions.
    connection.create_function("floor", 1, math.floor, deterministic=True)
    return connection


def _use_write_ahead_log(connection: _SqliteConnection) -> None:
    """Use write-ahead logging. Wait for a process that switches now, because SQLite does not wait."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # The other bits tell the lock.
            if not is_locked or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _on_error(path: Path, context: ExceptionContext) -> None:
    """Add the path to SQLite's message, which is only "unable to open database file"."""
    context.original_exception.add_note(str(path))


class _Fork:
    """Whether this process is about to fork, as far as Python knows.

    A fork in C is not noticed. The child is safe nevertheless, unless it was forked in the middle of a
    transaction. SQLite then assumes for ever that the child holds the transaction's locks.
    """

    is_under_way = False


_fork = _Fork()


def _before_fork() -> None:
    """Wait until running transactions end, and delay new transactions."""
    _fork.is_under_way = True
    deadline, connections = time.monotonic() + BUSY_TIMEOUT, _connections.obtain()
    while time.monotonic() < deadline:
        is_opening = connections.opening.locked()
        if not is_opening and all(connection.is_idle for connection in connections.list_open()):
            return
        time.sleep(0.001)


def _after_fork() -> None:
    _fork.is_under_way = False


# No resource relies on these hooks, see _Fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
