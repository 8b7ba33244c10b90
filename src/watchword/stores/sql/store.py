"""The SQL store: SQLAlchemy Core over SQLite or PostgreSQL.

This module says which operation is a read and which a write, and which writes go in a row. It runs them in
transactions, repeats them where a connection was lost, and turns every failure into ``StoreUnavailable``.
What they do stands in the ``sql_...`` modules beside it, the tables in ``schema``, and what is one database's
alone in ``sqlite`` and ``postgres``.
"""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from watchword.errors import StoreUnavailable
from watchword.stores.answers import check_answers_of
from watchword.stores.contract import (
    Account,
    Announcements,
    Charge,
    EndReason,
    Feed,
    KeyKind,
    NewSession,
    SealedKey,
    Session,
    SessionDetails,
    SessionTimes,
    Store,
    StoredKeys,
    TimedSession,
)
from watchword.stores.sql import accounts as sql_accounts
from watchword.stores.sql import keys as sql_keys
from watchword.stores.sql import one_time as sql_one_time
from watchword.stores.sql import schema
from watchword.stores.sql import sessions as sql_sessions
from watchword.stores.sql import throttles as sql_throttles
from watchword.stores.sql.postgres import PostgresDatabase
from watchword.stores.sql.sqlite import SqliteDatabase
from watchword.stores.sql.url import is_in_memory, is_postgres, parse_url

__all__ = ["SchemaStatus", "SqlStore", "schema_status"]

logger = logging.getLogger("watchword.stores")

PURGE_INTERVAL = 60.0  # seconds between two purges, unless one left something over
PURGE_BATCH = 100  # rows of each table: a write pays a few milliseconds at most

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SchemaStatus(msgspec.Struct, frozen=True):
    """How far the schema of a database is.

    Attributes:
        backend: the name and version of the database's software.
        version: of the schema in the database; 0 where there are no tables yet.
        newest: the version that this code upgrades to.
    """

    backend: str
    version: int
    newest: int


class SqlStore(Store):
    """A :class:`~watchword.stores.contract.Store` in a database that SQLAlchemy reaches.

    ``sqlite:///app.db`` is a file (relative to the working directory), made with mode 0600 where there is
    none; ``sqlite://`` lives in memory and is gone when closed. ``postgresql://user:password@host/name`` is a
    database that is there already; the tables are made.

    Args:
        url: an SQLAlchemy URL.
        connections: how many connections to PostgreSQL this process has at most.
        time_shift: seconds by which the store's time is ahead of the clock; tests change the attribute.

    Attributes:
        time_shift: see above.

    Raises:
        InvalidSettings: the URL is not one of a supported database, or the database is newer than this code.
        MissingExtra: the database's driver is not installed.
        StoreUnavailable: the database cannot be opened.
    """

    def __init__(self, url: str, *, connections: int = 10, time_shift: float = 0.0) -> None:
        self.time_shift = time_shift
        self._next_purge = 0.0
        self._database = _database(url, connections)
        try:
            if _status(self._database).version != len(schema.UPGRADES):
                self._upgrade()
            self.poll(None, None, grace=0)  # a server that cannot answer what every process asks is refused
        except BaseException:
            self.close()
            raise

    @property
    def file(self) -> Path | None:
        return self._database.path

    @property
    def in_memory(self) -> bool:
        return self._database.in_memory

    @property
    def announcements(self) -> Announcements | None:
        return self._database.announcements

    def now(self) -> float:
        return self._read(_now)

    def close(self) -> None:
        self._database.close()

    # -- sessions --------------------------------------------------------------------------------

    def read_mark(self) -> str:
        return self._read(sql_sessions.mark, position=self._database.position)

    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        return self._write(
            f"subject {new.subject}",
            check_answers_of(sql_sessions.start, session_id=new.id, subject=new.subject),
            new,
            times,
            max_live=max_live,
            mark=mark,
            place=self._database.place_in_feed,
            is_since=self._database.is_since,
        )

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        database = self._database
        if isinstance(database, SqliteDatabase):
            swap = check_answers_of(sql_sessions.swap, session_id=session_id)
            return self._write(None, swap, session_id, generation, times, details=details)
        shift = self.time_shift
        swapped = _run(lambda: database.swap(session_id, generation, times, details, shift=shift))
        if swapped is not None and swapped.now >= self._next_purge:
            self._write(None, _nothing)
        return swapped

    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        return self._write(None, sql_sessions.keep, session_id, subject, credentials_version)

    def find_session(self, session_id: str) -> TimedSession | None:
        database = self._database
        if isinstance(database, SqliteDatabase):
            return self._read(check_answers_of(sql_sessions.find, session_id=session_id), session_id)
        shift = self.time_shift
        return _run(lambda: database.find(session_id, shift=shift))

    def live_sessions(self, subject: str) -> Sequence[Session]:
        return self._read(check_answers_of(sql_sessions.live, subject=subject), subject)

    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        end = check_answers_of(sql_sessions.end, session_id=session_id)
        return self._write(None, end, session_id, reason, place=self._database.place_in_feed)

    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        turn, place = f"subject {subject}", self._database.place_in_feed
        end_all = check_answers_of(sql_sessions.end_all, subject=subject)
        return self._write(turn, end_all, subject, reason, keep=keep, place=place)

    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        self._write(
            f"session {session_id}",
            sql_sessions.record_end,
            session_id,
            reason=reason,
            access_until=access_until,
            place=self._database.place_in_feed,
        )

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        return self._read(
            sql_sessions.poll,
            identity,
            position,
            grace=grace,
            lineage=self._database.lineage,
            reached=self._database.reached,
        )

    def record_settings(self, settings: str, *, expected: str) -> bool:
        return self._write(None, sql_sessions.record_settings, settings, expected=expected)

    # -- keys ------------------------------------------------------------------------------------

    def keys(self) -> StoredKeys:
        return self._read(sql_keys.list_keys)

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        return self._write(
            "keys", sql_keys.insert_key, kind, epoch, kid, alg, sealed, not_before=not_before, lead=lead
        )

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        return self._write("keys", sql_keys.advance_key, kid, lead=lead)

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        return self._write("keys", sql_keys.compromise_key, kid, successor=successor)

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        return self._write("keys", sql_keys.delete_keys, kids)

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        return self._write("keys", sql_keys.reseal_keys, sealed)

    # -- accounts --------------------------------------------------------------------------------

    def insert_account(
        self, *, subject: str, username: str, name_key: str, password_hash: str, scopes: tuple[str, ...]
    ) -> Account | None:
        return self._write(
            f"account {name_key}",
            sql_accounts.insert_account,
            subject=subject,
            username=username,
            name_key=name_key,
            password_hash=password_hash,
            scopes=scopes,
        )

    def find_account(self, *, name_key: str | None = None, subject: str | None = None) -> Account | None:
        find = check_answers_of(sql_accounts.find_account, subject=subject)
        return self._read(find, name_key=name_key, subject=subject)

    def accounts(self) -> Sequence[Account]:
        return self._read(sql_accounts.list_accounts)

    def set_password(self, subject: str, password_hash: str, *, version: int) -> bool:
        return self._write(None, sql_accounts.set_password, subject, password_hash, version=version)

    def set_scopes(self, subject: str, scopes: tuple[str, ...]) -> bool:
        return self._write(None, sql_accounts.set_scopes, subject, scopes)

    def rename_account(self, subject: str, username: str, name_key: str) -> bool:
        return self._write(f"account {name_key}", sql_accounts.rename_account, subject, username, name_key)

    def replace_hash(self, subject: str, old: str, new: str) -> bool:
        return self._write(None, sql_accounts.replace_hash, subject, old, new)

    def set_disabled(self, subject: str, disabled: bool) -> bool:
        return self._write(None, sql_accounts.set_disabled, subject, disabled)

    def delete_account(self, subject: str) -> bool:
        return self._write(None, sql_accounts.delete_account, subject)

    # -- throttles -------------------------------------------------------------------------------

    def charge(self, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
        return self._write(
            f"throttle {key}",
            sql_throttles.charge,
            key,
            free=free,
            max_delay=max_delay,
            forget_after=forget_after,
        )

    def refund(self, key: str) -> None:
        self._write(f"throttle {key}", sql_throttles.refund, key)

    def clear_charges(self, key: str) -> None:
        self._write(f"throttle {key}", sql_throttles.clear_charges, key)

    def remember(self, key: str, *, lifetime: float) -> None:
        self._write(f"throttle {key}", sql_throttles.remember, key, lifetime=lifetime)

    def remembers(self, key: str) -> bool:
        return self._read(sql_throttles.remembers, key)

    # -- once-only -------------------------------------------------------------------------------

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        return self._write(f"spent {key}", sql_one_time.spend, key, attempt, keep_until=keep_until)

    # -- transactions ----------------------------------------------------------------------------

    def _read(
        self, operation: Callable[Concatenate[Connection, float, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        def attempt() -> _T:
            with self._database.read() as connection:
                now = self._database.moment(connection) + self.time_shift
                return operation(connection, now, *args, **kwargs)

        return _run(attempt)

    def _write(
        self,
        turn: str | None,
        operation: Callable[Concatenate[Connection, float, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Run an operation that writes; those that name the same turn go in a row."""

        def attempt() -> _T:
            with self._database.write() as connection:
                now = self._database.moment(connection, turn) + self.time_shift
                result = operation(connection, now, *args, **kwargs)
                self._purge(connection, now)
            return result

        return _run(attempt)

    def _upgrade(self) -> None:
        def attempt() -> None:
            with self._database.upgrade() as connection:
                schema.upgrade(connection)

        _run(attempt)

    def _purge(self, connection: Connection, now: float) -> None:
        """Now and then, beside a write that is done anyway, delete a batch of what nobody can ask for."""
        if now < self._next_purge:
            return
        left_over = False
        for table in (
            schema.sessions,
            schema.subject_ends,
            schema.throttles,
            schema.remembered,
            schema.spent,
        ):
            key = table.primary_key.columns[0]
            batch = select(key).where(table.c.keep_until < now).limit(PURGE_BATCH)
            batch = batch.with_for_update(skip_locked=True)  # other nodes are at it, too
            left_over |= connection.execute(delete(table).where(key.in_(batch))).rowcount == PURGE_BATCH
        self._next_purge = now if left_over else now + PURGE_INTERVAL


def schema_status(url: str) -> SchemaStatus:
    """How far the schema of the database at a URL is; it is left as it is.

    Raises:
        InvalidSettings: the URL is not one of a supported database.
        MissingExtra: the database's driver is not installed.
        StoreUnavailable: the database does not answer.
    """
    database = _database(url, 1)
    try:
        return _status(database)
    finally:
        database.close()


def _status(database: SqliteDatabase | PostgresDatabase) -> SchemaStatus:
    def attempt() -> SchemaStatus:
        with database.read() as connection:
            dialect, version = connection.dialect, schema.version_of(connection)
        server = ".".join(map(str, dialect.server_version_info or ()))
        return SchemaStatus(f"{_NAMES[dialect.name]} {server}", version, len(schema.UPGRADES))

    return _run(attempt)


_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def _run(attempt: Callable[[], _T]) -> _T:
    """What an attempt returns; it is repeated once if its connection was lost."""
    try:
        try:
            return attempt()
        except (DBAPIError, DisconnectionError) as error:
            if isinstance(error, DBAPIError) and not error.connection_invalidated:
                raise
            return attempt()
    except (SQLAlchemyError, OSError) as error:
        raise _unavailable(error) from None


def _now(connection: Connection, now: float) -> float:
    connection.execute(select(schema.store.c.id)).one()
    return now


def _nothing(_connection: Connection, _now: float) -> None:
    """A write that is there for what is done beside it."""


def _database(url: str, connections: int) -> SqliteDatabase | PostgresDatabase:
    parsed = parse_url(url)
    if is_postgres(parsed):
        return PostgresDatabase(parsed, connections=connections)
    path = None if is_in_memory(parsed) else Path(str(parsed.database)).absolute()
    return _run(lambda: SqliteDatabase(path))


def _unavailable(error: SQLAlchemyError | OSError) -> StoreUnavailable:
    """The error for the caller; the log gets the driver's words, and neither statement nor parameters."""
    logger.warning("the store does not answer: %s", _reason(error))
    return StoreUnavailable()


def _reason(error: SQLAlchemyError | OSError) -> str | None:
    if isinstance(error, DBAPIError):
        notes = getattr(error.orig, "__notes__", ())  # the file of an SQLite database
        return ": ".join([*notes, str(error.orig).partition("\n")[0]])
    if isinstance(error, OSError):
        return str(error)  # with the path
    if isinstance(error, PoolTimeout):
        return str(error.args[0])
    return type(error).__name__
