"""From a URL to the store behind it; a backend is imported only when its URL is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchword.errors import InvalidSettings, MissingExtra
from watchword.settings import Settings
from watchword.stores.contract import Announcements, Store

if TYPE_CHECKING:
    from limits.storage import Storage

    from watchword.stores.split import SplitStore
    from watchword.stores.sql.store import SchemaStatus

__all__ = [
    "copy_database",
    "find_announcements",
    "find_database_file",
    "open_split_store",
    "open_store",
    "open_stores",
    "resolve_settings",
    "schema_status",
]

_EXTRAS = {"sqlalchemy": "sql,passwords", "psycopg": "postgres", "redis": "redis"}

_SILENT = (
    "revocation_push: PostgreSQL and Redis announce ended sessions, "
    "SQLite and PostgreSQL behind a connection pooler do not"
)


def open_stores(settings: Settings) -> tuple[Store, Storage | None]:
    """Open what the settings name. The second value is where all processes count addresses, if anywhere."""
    if not settings.sessions_url:
        return open_store(settings.database_url, connections=settings.database_connections), None
    store = open_split_store(
        settings.database_url,
        settings.sessions_url,
        connections=settings.database_connections,
        wait_replicas=settings.sessions_wait_replicas,
    )
    return store, store.address_counters()


def find_announcements(settings: Settings, store: Store) -> Announcements | None:
    """Return what tells of ended sessions between two polls, if it is wanted.

    Raises:
        InvalidSettings: it is, and the store has nothing like that.
    """
    if not settings.revocation_push:
        return None
    if store.announcements is None:
        raise InvalidSettings(_SILENT)
    return store.announcements


def open_store(url: str, *, connections: int = 10) -> Store:
    """The store at an SQLAlchemy URL such as ``sqlite:///app.db``, its tables made or upgraded.

    Args:
        url: the URL.
        connections: how many connections to PostgreSQL this process has at most.

    Raises:
        InvalidSettings: no store of ours has such a URL, or the database is newer than this code.
        MissingExtra: the store's library is not installed.
        StoreUnavailable: the database cannot be opened.
    """
    with _name_missing_extra():
        from watchword.stores.sql.store import SqlStore  # noqa: PLC0415 -- the codec must not need SQLAlchemy
    return SqlStore(url, connections=connections)


def open_split_store(
    database_url: str, sessions_url: str, *, connections: int = 10, wait_replicas: int = 0
) -> SplitStore:
    """The store whose accounts are at the one URL, and sessions, keys, throttles and the like at the other.

    Args:
        database_url: as :func:`open_store` takes it.
        connections: as :func:`open_store` takes it.
        sessions_url: of a Redis, see :class:`~watchword.stores.redis.store.RedisStore`.
        wait_replicas: how many replicas of it must have an end before it is acknowledged.

    Raises:
        InvalidSettings: no store of ours has such URLs, or the database is newer than this code.
        MissingExtra: a store's library is not installed.
        StoreUnavailable: the database cannot be opened, or Redis does not answer.
    """
    accounts = open_store(database_url, connections=connections)
    try:
        with _name_missing_extra():
            from watchword.stores.split import SplitStore  # noqa: PLC0415 -- not all need redis-py
        return SplitStore(accounts, sessions_url, wait_replicas=wait_replicas)
    except BaseException:
        accounts.close()
        raise


def schema_status(url: str) -> SchemaStatus:
    """How far the schema of the database at a URL is; it is left as it is.

    Raises:
        InvalidSettings, MissingExtra, StoreUnavailable: as :func:`open_store`.
    """
    with _name_missing_extra():
        from watchword.stores.sql import store as sql  # noqa: PLC0415 -- as above
    return sql.schema_status(url)


def resolve_settings(settings: Settings, folder: Path | None = None) -> Settings:
    """Check what the settings say of stores without opening any. The path of a file becomes absolute.

    Args:
        settings: the settings.
        folder: what a relative path is relative to; by default the working directory.

    Raises:
        InvalidSettings: no store of ours has such a URL, or it does not have what the settings want.
        MissingExtra: a store's library is not installed.
    """
    with _name_missing_extra():
        from watchword.stores.sql.url import is_postgres, parse_url, resolve_url  # noqa: PLC0415 -- as above

        parsed = parse_url(settings.database_url)
        if is_postgres(parsed):
            from watchword.stores.sql.postgres import check_url  # noqa: PLC0415 -- as above

            check_url(parsed)
        if settings.sessions_url:
            from watchword.stores.redis.url import client_maker  # noqa: PLC0415 -- as above

            client_maker(settings.sessions_url)
    url = resolve_url(settings.database_url, folder)
    if settings.revocation_push and not settings.sessions_url and url.startswith("sqlite"):
        raise InvalidSettings(_SILENT)
    return msgspec.structs.replace(settings, database_url=url)


def find_database_file(url: str) -> Path | None:
    """Return the path in the URL of an SQLite file, and ``None`` for any other database.

    Raises:
        InvalidSettings: no store of ours has such a URL.
        MissingExtra: SQLAlchemy is not installed.
    """
    with _name_missing_extra():
        from watchword.stores.sql.url import find_file, parse_url  # noqa: PLC0415 -- as above
    return find_file(parse_url(url))


def copy_database(url: str, target: Path) -> None:
    """Copy the SQLite database at a URL to a new file, while servers may go on.

    Raises:
        InvalidSettings: the URL is not one of an SQLite file.
        OSError: the new file cannot be made, because it exists or for another reason.
        StoreUnavailable: the database cannot be read.
    """
    source = url.partition(":///")[2]
    if not url.startswith("sqlite") or not source:
        raise InvalidSettings(
            "database_url: only an SQLite file is copied. Copy PostgreSQL with pg_dump, and Redis as its "
            "documentation says"
        )
    from watchword.stores.sql import sqlite_backup  # noqa: PLC0415 -- the codec must not need sqlite3

    sqlite_backup.copy_database(Path(source), target)


@contextmanager
def _name_missing_extra() -> Iterator[None]:
    """Name the extra where a library that a store needs is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise MissingExtra.from_extra(extra) from None
