"""Transactions of an SQL database: their time, their repetition, and the purge of old rows beside them.

:mod:`~watchword.stores.sql.sqlite` and :mod:`~watchword.stores.sql.postgres` hold what only a single
database needs, :mod:`~watchword.stores.sql.schema` the tables. Each of the other modules holds a port.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, delete, select
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from watchword.errors import StoreUnavailable
from watchword.stores.contract import Announcements
from watchword.stores.schema_status import SchemaStatus
from watchword.stores.sql import schema

__all__ = ["SqlDatabase", "SqlPort", "repeat_if_lost"]

logger = logging.getLogger("watchword.stores")

PURGE_INTERVAL = 60.0  # seconds between two purges, unless a purge left rows over
PURGE_BATCH = 100  # rows of each table: a write pays a few milliseconds at most

_T = TypeVar("_T")


class SqlDatabase(ABC):
    """A database that SQLAlchemy reaches.

    Every operation of a port runs in :meth:`read` or :meth:`write`, which give it a connection and the
    database's time. Every failure becomes :class:`~watchword.errors.StoreUnavailable`.

    Attributes:
        path: the database's file. ``None`` if the database is on a server or in memory.
        in_memory: whether the database is gone when it is closed.
        time_shift: seconds by which the database's time is ahead of its clock. Tests change it.
    """

    path: Path | None = None
    in_memory = False
    time_shift = 0.0
    _next_purge = 0.0

    @property
    def announcements(self) -> Announcements | None:
        """Push notifications that sessions have ended. ``None`` if the database has none."""
        return None

    def read(self, operation: Callable[[Connection, float], _T]) -> _T:
        """Run an operation that reads, in a transaction that sees a single consistent state.

        Args:
            operation: called with the connection and the database's time. It may be repeated once.

        Raises:
            StoreUnavailable: the database does not answer.
        """

        def attempt() -> _T:
            with self.begin_read() as connection:
                return operation(connection, self.read_clock(connection) + self.time_shift)

        return repeat_if_lost(attempt)

    def write(self, operation: Callable[[Connection, float], _T], *, lock: str | None = None) -> _T:
        """Run an operation that writes, in a transaction that has committed when this returns.

        Args:
            operation: called with the connection and the database's time. It may be repeated once.
            lock: the name of a lock to hold until the transaction ends. So operations that use the same name
                run in sequence. The time is read when the lock is held.

        Raises:
            StoreUnavailable: the database does not answer.
        """

        def attempt() -> _T:
            with self.begin_write() as connection:
                now = self.read_clock(connection, lock) + self.time_shift
                result = operation(connection, now)
                self._purge(connection, now)
            return result

        return repeat_if_lost(attempt)

    def now(self) -> float:
        """Return the database's time, if the database answers and has its tables.

        Raises:
            StoreUnavailable: the database does not answer.
        """

        def ask(connection: Connection, now: float) -> float:
            connection.execute(select(schema.store.c.id)).one()
            return now

        return self.read(ask)

    def find_status(self) -> SchemaStatus:
        """Return how far the schema is. Nothing is changed.

        Raises:
            StoreUnavailable: the database does not answer.
        """

        def attempt() -> SchemaStatus:
            with self.begin_read() as connection:
                dialect, version = connection.dialect, schema.read_version(connection)
            server = ".".join(map(str, dialect.server_version_info or ()))
            return SchemaStatus(f"{_NAMES[dialect.name]} {server}", version, len(schema.UPGRADES))

        return repeat_if_lost(attempt)

    def upgrade(self) -> None:
        """Make the tables if there are none, or bring them to the newest version.

        Raises:
            InvalidSettings: the database is newer than this code.
            StoreUnavailable: the database does not answer.
        """
        if self.find_status().version == len(schema.UPGRADES):
            return

        def attempt() -> None:
            with self.begin_upgrade() as connection:
                schema.upgrade(connection)

        repeat_if_lost(attempt)

    def purge_if_due(self, now: float) -> None:
        """Delete old rows if that is due. For writes that do not go through :meth:`write`.

        Args:
            now: the database's time.
        """
        if now >= self._next_purge:
            self.write(lambda _connection, _now: None)

    def _purge(self, connection: Connection, now: float) -> None:
        """Delete a batch of rows that no operation can ask for, beside a write and not at every write."""
        if now < self._next_purge:
            return
        left_over = False
        for table in schema.PURGED_TABLES:
            key = table.primary_key.columns[0]
            batch = select(key).where(table.c.keep_until < now).limit(PURGE_BATCH)
            batch = batch.with_for_update(skip_locked=True)  # other nodes purge at the same time
            left_over |= connection.execute(delete(table).where(key.in_(batch))).rowcount == PURGE_BATCH
        self._next_purge = now if left_over else now + PURGE_INTERVAL

    # -- what each database does in its own way ----------------------------------------------------

    @abstractmethod
    def begin_read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees a single consistent state and blocks no writer."""

    @abstractmethod
    def begin_write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that has committed at the end of the block."""

    @abstractmethod
    def begin_upgrade(self) -> AbstractContextManager[Connection]:
        """Begin a write that a single node does at a time, and that may take as long as it needs."""

    @abstractmethod
    def close(self) -> None:
        """Close every idle connection. The other connections close when they are returned."""

    @abstractmethod
    def read_clock(self, connection: Connection, lock: str | None = None) -> float:
        """Return the time of the machine that has the database. If a lock is named, take it first."""

    @abstractmethod
    def read_lineage(self, connection: Connection) -> str:
        """Return a text that changes when the database is replaced by a copy of itself.

        Raises:
            StoreUnavailable: the database is a replica.
        """

    @abstractmethod
    def take_position(self, connection: Connection) -> int | ColumnElement[int]:
        """Return the position in the feed of ends for what this transaction ends."""

    @abstractmethod
    def read_mark(self, connection: Connection) -> str:
        """Return a mark of the present moment in the feed, for :meth:`is_after`."""

    @abstractmethod
    def is_after(self, position: ColumnElement[int], mark: str) -> ColumnElement[bool]:
        """Return the condition that a position was committed after the mark was read."""

    @abstractmethod
    def read_complete_position(self, connection: Connection) -> int:
        """Return the position up to which the feed is complete. No commit adds to that part any more."""


class SqlPort:
    """A port of the contract over a database.

    Args:
        database: where the port's tables are.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    @property
    def backend(self) -> SqlDatabase:
        """The backend of the port."""
        return self._database

    @property
    def time_shift(self) -> float:
        """Seconds by which the database's time is ahead of its clock. Tests change it."""
        return self._database.time_shift

    @time_shift.setter
    def time_shift(self, seconds: float) -> None:
        self._database.time_shift = seconds


def repeat_if_lost(attempt: Callable[[], _T]) -> _T:
    """Return the result of an attempt. Repeat the attempt once if its connection was lost.

    Raises:
        StoreUnavailable: the database does not answer. The log has the driver's message.
    """
    try:
        try:
            return attempt()
        except (DBAPIError, DisconnectionError) as error:
            if isinstance(error, DBAPIError) and not error.connection_invalidated:
                raise
            return attempt()
    except (SQLAlchemyError, OSError) as error:
        # neither the statement nor its parameters
        logger.warning("the store does not answer: %s", _describe(error))
        raise StoreUnavailable from None


_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def _describe(error: SQLAlchemyError | OSError) -> str | None:
    if isinstance(error, DBAPIError):
        notes = getattr(error.orig, "__notes__", ())  # the file of an SQLite database
        return ": ".join([*notes, str(error.orig).partition("\n")[0]])
    if isinstance(error, OSError):
        return str(error)  # with the path
    if isinstance(error, PoolTimeout):
        return str(error.args[0])
    return type(error).__name__
