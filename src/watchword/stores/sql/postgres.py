"""What only PostgreSQL needs: its connections, its transactions, its clock."""

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

# Seconds. A statement that waits longer for a lock or for the disk is cancelled.
STATEMENT_TIMEOUT = 5
CONNECT_TIMEOUT = 5

# For libpq, unless the URL has another value. A server that vanished is noticed within ten seconds, whether
# it did not receive a statement or does not answer.
_GIVEN = {
    "connect_timeout": CONNECT_TIMEOUT,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 1,
    "keepalives_count": 5,
}

# Parameters of other libraries, and what to write instead.
_OF_OTHERS = {
    "schema": "Write schema=NAME as options=-csearch_path%3DNAME",
    "ssl": "Write ssl=true as sslmode=require",
    "pgbouncer": "Remove pgbouncer=true: a pooler is noticed without it",
    "connection_limit": "Instead of connection_limit, use the setting database_connections",
}

NOW = "extract(epoch FROM clock_timestamp())::float8"
_COMPLETE = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1"
# Every role may call these functions on every service. Some services lack functions for the log of writes.
_LINEAGE = "SELECT pg_is_in_recovery(), extract(epoch FROM pg_postmaster_start_time())::text"


class _Xid8(UserDefinedType[Any]):
    """The number of a transaction."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class _Snapshot(UserDefinedType[Any]):
    """The transactions that had committed at a moment."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "pg_snapshot"


class _Route:
    """How connections reach the server.

    Attributes:
        is_pooled: whether they go through a pooler such as PgBouncer.
    """

    is_pooled = False

    def notice_pooler(self, connection: Any, _record: object) -> None:
        """Prepare no statements behind a pooler, because each transaction may have another connection."""
        (process,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        if process != connection.info.backend_pid:  # A pooler invents a number.
            connection.prepare_threshold = None
            self.is_pooled = True


class PostgresDatabase(SqlDatabase):
    """A PostgreSQL database.

    A connection commits each statement by itself, and this module begins transactions. A lost connection is
    noticed when it is used: SQLAlchemy's error says so.

    Settings last for a transaction only, because a pooler such as PgBouncer gives the server's connection to
    other clients afterwards.

    Args:
        url: the database, for SQLAlchemy and psycopg.
        connections: how many connections this process has at most.

    Raises:
        InvalidSettings: libpq would not understand the URL, or take the password for something else.
        MissingExtra: psycopg is not installed.
    """

    def __init__(self, url: URL, *, connections: int = 10) -> None:
        self._route = _Route()
        self._engines = PerProcess(partial(_make_engine, url, connections, self._route))
        self._engines.obtain()  # Opens no connection, and raises if the URL is malformed.
        check_url(url)
        self._announcements = PostgresAnnouncements(self._engines)
        weakref.finalize(self, _close, self._engines, self._announcements).atexit = False

    @property
    def announcements(self) -> PostgresAnnouncements | None:
        """Push notifications that sessions have ended, unless a pooler would give their connection away."""
        return None if self._route.is_pooled else self._announcements

    @contextmanager
    def begin_read(self) -> Iterator[Connection]:
        with self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY") as connection:
            yield connection

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        with self._begin("BEGIN") as connection:
            yield connection

    @contextmanager
    def begin_upgrade(self) -> Iterator[Connection]:
        with self.begin_write() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            self.read_clock(connection, "schema")
            # A statement that waits for a table blocks all later statements on the table.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {to_milliseconds(STATEMENT_TIMEOUT)}")
            yield connection

    def read_clock(self, connection: Connection, lock: str | None = None) -> float:
        if lock is None:
            now = connection.exec_driver_sql(f"SELECT {NOW}").scalar_one()
        else:  # The order matters: the clock is read when the lock is held.
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
                engine.dispose()  # The other connections have lost the same server.
            raise DBAPIError(None, None, error, connection_invalidated=is_lost) from None

    @contextmanager
    def _begin(self, begin: str) -> Iterator[Connection]:
        with self._engines.obtain().connect() as connection:
            # A single round trip sends all of these statements.
            connection.exec_driver_sql(
                f"{begin}; SET LOCAL statement_timeout = {to_milliseconds(STATEMENT_TIMEOUT)}; "
                # Bounds how long a process that is suspended in a transaction can block others.
                f"SET LOCAL idle_in_transaction_session_timeout = {to_milliseconds(2 * STATEMENT_TIMEOUT)}",
                execution_options={"no_parameters": True},
            )
            yield connection  # After an error the pool rolls back.
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
        raise InvalidSettings("database_url: give each host a port, or none of them") from None
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
    """Check the part of a URL that libpq reads. Opens nothing.

    Raises:
        InvalidSettings: libpq would not understand the URL, or would take a part of the password for a host.
        ModuleNotFoundError: psycopg is not installed.
    """
    from psycopg import ProgrammingError  # noqa: PLC0415 -- needs the extra `postgres`
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    if "@" in f"{url.host}{url.database}":
        # libpq would take the rest of the password for a host, and show it in messages.
        raise InvalidSettings("database_url: write an @ in the password as %40")
    try:
        make_conninfo(**dict.fromkeys(url.query, ""))
    except ProgrammingError:
        hints = "".join(f". {hint}" for name, hint in _OF_OTHERS.items() if name in url.query)
        raise InvalidSettings(
            "database_url: only parameters of libpq may follow the question mark, "
            f"such as sslmode=verify-full{hints}"
        ) from None


def to_milliseconds(seconds: float) -> str:
    """Return a duration in the form that PostgreSQL's settings have."""
    return str(int(seconds * 1_000))


def _is_loss(error: Any) -> bool:
    """Return whether an error is about the connection. An error about a statement has a code.

    Sometimes the system tells psycopg before libpq that a socket is closed. The connection then does not know
    that it is closed.
    """
    from psycopg import OperationalError  # noqa: PLC0415 -- needs the extra `postgres`

    return isinstance(error, OperationalError) and error.sqlstate is None


def _on_error(context: ExceptionContext) -> None:
    if context.connection is not None and _is_loss(context.original_exception):
        context.is_disconnect = True
