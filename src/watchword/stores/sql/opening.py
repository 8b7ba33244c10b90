"""Open the ports in the database that a URL names."""

from __future__ import annotations

from pathlib import Path

from watchword.stores.contract import Stores
from watchword.stores.schema_status import SchemaStatus
from watchword.stores.sql.accounts import SqlAccounts
from watchword.stores.sql.database import SqlDatabase, repeat_if_lost
from watchword.stores.sql.keys import SqlKeys
from watchword.stores.sql.one_time import SqlOneTime
from watchword.stores.sql.postgres import PostgresDatabase
from watchword.stores.sql.postgres_sessions import PostgresSessions
from watchword.stores.sql.sessions import SqlSessions
from watchword.stores.sql.sqlite import SqliteDatabase
from watchword.stores.sql.throttles import SqlThrottles
from watchword.stores.sql.url import is_in_memory, is_postgres, parse_url

__all__ = ["find_schema_status", "open_sql_stores"]


def open_sql_stores(url: str, *, connections: int = 10) -> Stores:
    """Open all ports in the database at a URL. Makes or upgrades the tables.

    ``sqlite:///app.db`` is a file (relative to the working directory), made with mode 0600 if it is missing.
    ``sqlite://`` lives in memory and is gone when closed. ``postgresql://user:password@host/name`` is a
    database that exists.

    Args:
        url: an SQLAlchemy URL.
        connections: how many connections to PostgreSQL this process has at most.

    Raises:
        InvalidSettings: the URL is not the URL of a supported database, or the database is
            newer than this code.
        MissingExtra: the database's driver is not installed.
        StoreUnavailable: the database cannot be opened.
    """
    database = _make_database(url, connections)
    try:
        database.upgrade()
        stores = _make_stores(database)
        stores.sessions.poll(
            None, None, grace=0
        )  # refuse a server that cannot answer what every process asks
    except BaseException:
        database.close()
        raise
    return stores


def find_schema_status(url: str) -> SchemaStatus:
    """Return how far the schema of the database at a URL is. Nothing is changed.

    Raises:
        InvalidSettings: the URL is not the URL of a supported database.
        MissingExtra: the database's driver is not installed.
        StoreUnavailable: the database does not answer.
    """
    database = _make_database(url, 1)
    try:
        return database.find_status()
    finally:
        database.close()


def _make_database(url: str, connections: int) -> SqlDatabase:
    parsed = parse_url(url)
    if is_postgres(parsed):
        return PostgresDatabase(parsed, connections=connections)
    path = None if is_in_memory(parsed) else Path(str(parsed.database)).absolute()
    return repeat_if_lost(lambda: SqliteDatabase(path))


def _make_stores(database: SqlDatabase) -> Stores:
    return Stores(
        sessions=PostgresSessions(database)
        if isinstance(database, PostgresDatabase)
        else SqlSessions(database),
        keys=SqlKeys(database),
        accounts=SqlAccounts(database),
        throttles=SqlThrottles(database),
        one_time=SqlOneTime(database),
        announcements=database.announcements,
        backends=(database,),
        file=database.path,
        in_memory=database.in_memory,
    )
