"""PostgreSQL: its connections, its transactions, its clock. All that is PostgreSQL's alone stands here."""

# ruff: noqa: D102 -- the base class's docstrings hold, and ``help`` shows them

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    Text,
    cast,
    create_engine,
    event,
    func,
    not_,
)
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.types import UserDefinedType

from watchword.errors import InvalidSettings, MissingExtra, StoreUnavailable
from watchword.forks import PerProcess
from watchword.stores.sql.database import SqlDatabase
from watchword.stores.sql.postgres_announcements import PostgresAnnouncements
from watchword.stores.sql.postgres_pool import PatientPool

__all__ = ["NOW", "STATEMENT_TIMEOUT", "PostgresDatabase", "check_url", "to_milliseconds"]

# Seconds. A statement that waits for longer, for a lock or for the disk, is given up.
STATEMENT_TIMEOUT = 5
CONNECT_TIMEOUT = 5

# For libpq, where the URL says nothing else: a server that vanished without a word is missed within ten
# seconds, whether it has not heard us or owes us an answer.
_GIVEN = {
    "connect_timeout": CONNECT_TIMEOUT,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 1,
    "keepalives_count": 5,
}

# What other libraries take in a URL, and what does the same here
_OF_OTHERS = {
    "schema": "schema=NAME is written options=-csearch_path%3DNAME",
    "ssl": "ssl=true is written sslmode=require",
    "pgbouncer": "pgbouncer=true can go: a pooler is noticed",
    "connection_limit": "connection_limit is the setting database_connections",
}

NOW = "extract(epoch FROM clock_timestamp())::float8"
_COMPLETE = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1"
# Only functions that every role may call on every service: some have no functions for the log of writes.
_LINEAGE = "SELECT pg_is_in_recovery(), extract(epoch FROM pg_postmaster_start_time())::text"


class _Xid8(UserDefinedType[Any]):
    """The number of a transaction."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class _Snapshot(UserDefinedType[Any]):
    """Which transactions had committed at a moment."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "pg_snapshot"


class _Route:
    """How connections reach the server.

    Attributes:
        is_pooled: whether a pooler such as PgBouncer stands in between.
    """

    is_pooled = False

    def notice_pooler(self, connection: Any, _record: object) -> None:
        """Prepare no statements behind a pooler: each transaction may have another connection."""
        (process,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        if process != connection.info.backend_pid:  # a pooler makes its own number up
            connection.prepare_threshold = None
            self.is_pooled = True


class PostgresDatabase(SqlDatabase):
    """One PostgreSQL database.

    A connection commits each statement by itself, and transactions begin where this module says. One that was
    lost is noticed when it is used, by an error of SQLAlchemy's that says so.

    Nothing is set for longer than a transaction: a pooler such as PgBouncer gives the server's connection to
    other clients afterwards.

    Args:
        url: where it is, for SQLAlchemy and psycopg.
        connections: how many connections this process has at most.

    Raises:
        InvalidSettings: libpq would not understand the URL, or take the password for something else.
        MissingExtra: psycopg is not installed.
    """

    def __init__(self, url: URL, *, connections: int = 10) -> None:
        self._route = _Route()
        self._engines = PerProcess(partial(_make_engine, url, connections, self._route))
        self._engines.obtain()  # makes no connection, and says what is wrong with the URL
        check_url(url)
        self._announcements = PostgresAnnouncements(self._engines)
        weakref.finalize(self, _close, self._engines, self._announcements).atexit = False

    @property
    def announcements(self) -> PostgresAnnouncements | None:
        """Push notifications that sessions have ended, unless a pooler would give their connection away."""
        return None if self._route.is_pooled else self._announcements

    @contextmanager
    def begin_read(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state and keeps nobody from writing."""
        with self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY") as connection:
            yield connection

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """A transaction that has committed at the end."""
        with self._begin("BEGIN") as connection:
            yield connection

    @contextmanager
    def begin_upgrade(self) -> Iterator[Connection]:
        """A write that one node does at a time, and that may take as long as it needs."""
        with self.begin_write() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            self.read_clock(connection, "schema")
            # whoever waits for a table keeps all others from it
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {to_milliseconds(STATEMENT_TIMEOUT)}")
            yield connection

    def read_clock(self, connection: Connection, lock: str | None = None) -> float:
        if lock is None:
            now = connection.exec_driver_sql(f"SELECT {NOW}").scalar_one()
        else:  # in this order: the clock is read when the lock is held
            locked = f"SELECT pg_advisory_xact_lock(hashtextextended(%(lock)s, 0)), {NOW}"
            _, now = connection.exec_driver_sql(locked, {"lock": f"watchword {lock}"}).one()
        return float(now)

    def read_lineage(self, connection: Connection) -> str:
        """Return when the server started. That changes with a restored backup, or a promoted replica.

        Raises:
            StoreUnavailable: the server is a replica, which is behind by an unknown time.
        """
        is_replica, started_at = connection.exec_driver_sql(_LINEAGE).one()
        if is_replica:
            raise StoreUnavailable("database_url names a replica of PostgreSQL: name the primary")
        return str(started_at)

    def take_position(self, connection: Connection) -> ColumnElement[int]:  # noqa: ARG002 -- SQLite needs it
        """Return the expression of this transaction's number."""
        return cast(cast(func.pg_current_xact_id(), Text), BigInteger)

    def read_mark(self, connection: Connection) -> str:
        """Return which transactions had committed."""
        return str(connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one())

    def is_after(self, position: ColumnElement[int], mark: str) -> ColumnElement[bool]:
        transaction, snapshot = cast(cast(position, Text), _Xid8), cast(mark, _Snapshot)
        return not_(func.pg_visible_in_snapshot(transaction, snapshot, type_=Boolean))

    def read_complete_position(self, connection: Connection) -> int:
        """Return the number just before the oldest transaction that still runs."""
        return int(connection.exec_driver_sql(_COMPLETE).scalar_one())

    def close(self) -> None:
        """Close every idle connection; the others close when they come back."""
        _close(self._engines, self._announcements)

    @contextmanager
    def use_driver_connection(self) -> Iterator[Any]:
        """Use a pooled connection as psycopg has it, with errors as SQLAlchemy raises them.

        The connection is closed if its use raises ``StoreUnavailable``.
        """
        is_lost = False
        engine = self._engines.obtain()
        driver_error = engine.dialect.loaded_dbapi.Error
        try:
            with closing(engine.raw_connection()) as pooled:
                connection: Any = pooled.driver_connection
                try:
                    yield connection
                except StoreUnavailable:
                    pooled.invalidate()
                    raise
                except driver_error as error:
                    is_lost = connection.closed or _is_loss(error)
                    if is_lost:
                        pooled.invalidate()
                    raise
        except driver_error as error:
            if is_lost:
                engine.dispose()  # the others have lost the same server
            raise DBAPIError(None, None, error, connection_invalidated=is_lost) from None

    @contextmanager
    def _begin(self, begin: str) -> Iterator[Connection]:
        with self._engines.obtain().connect() as connection:
            # one round trip for all of it
            connection.exec_driver_sql(
                f"{begin}; SET LOCAL statement_timeout = {to_milliseconds(STATEMENT_TIMEOUT)}; "
                # a process that is stopped in the middle of a transaction keeps no other waiting for longer
                f"SET LOCAL idle_in_transaction_session_timeout = {to_milliseconds(2 * STATEMENT_TIMEOUT)}",
                execution_options={"no_parameters": True},
            )
            yield connection  # after an error the pool rolls back
            connection.exec_driver_sql("COMMIT")


def _make_engine(url: URL, connections: int, route: _Route) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            poolclass=PatientPool,
            pool_size=connections,
            pool_timeout=STATEMENT_TIMEOUT,
            connect_args={name: value for name, value in _GIVEN.items() if name not in url.query},
        )
    except ArgumentError:
        raise InvalidSettings("database_url: each host has its port, or none has") from None
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise MissingExtra.from_extra("postgres") from None
    event.listen(engine, "connect", route.notice_pooler)
    event.listen(engine, "handle_error", _on_error)
    return engine


def _close(engines: PerProcess[Engine], announcements: PostgresAnnouncements) -> None:
    announcements.close()
    engine = engines.find()
    if engine is not None:
        engine.dispose()


def check_url(url: URL) -> None:
    """Check what the URL of a database says to libpq. Nothing is opened.

    Raises:
        InvalidSettings: libpq would not understand the URL, or take the password for something else.
        ModuleNotFoundError: psycopg is not installed.
    """
    from psycopg import ProgrammingError  # noqa: PLC0415 -- needs the extra `postgres`
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    if "@" in f"{url.host}{url.database}":
        # the rest of the password would be taken for a host, and shown as one
        raise InvalidSettings("database_url: an @ in the password is written %40")
    try:
        make_conninfo(**dict.fromkeys(url.query, ""))
    except ProgrammingError:
        hints = "".join(f"; {hint}" for name, hint in _OF_OTHERS.items() if name in url.query)
        raise InvalidSettings(
            "database_url: what stands after the question mark has to be parameters of libpq, "
            f"such as sslmode=verify-full{hints}"
        ) from None


def to_milliseconds(seconds: float) -> str:
    """Return a duration in the form that PostgreSQL's settings have."""
    return str(int(seconds * 1_000))


def _is_loss(error: Any) -> bool:
    """Whether it is about the connection: what the server says of a statement has a code.

    Seldom psycopg is told by the system that a socket is closed before libpq is, and its connection does not
    know then that it is of no use any more.
    """
    from psycopg import OperationalError  # noqa: PLC0415 -- needs the extra `postgres`

    return isinstance(error, OperationalError) and error.sqlstate is None


def _on_error(context: ExceptionContext) -> None:
    if context.connection is not None and _is_loss(context.original_exception):
        context.is_disconnect = True
