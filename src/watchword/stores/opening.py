"""Open the stores behind a URL. A backend is imported only when its URL is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from watchword.errors import InvalidSettings, MissingExtra
from watchword.settings import Settings
from watchword.stores.contract import Announcements, Stores
from watchword.stores.schema_status import SchemaStatus, SchemaUpgrade

__all__ = [
    "copy_database",
    "find_announcements",
    "find_database_file",
    "find_schema_status",
    "has_tables",
    "is_in_memory",
    "list_tables",
    "open_sql_stores",
    "open_stores",
    "resolve_settings",
    "upgrade_schema",
]

_EXTRAS = {"sqlalchemy": "sql,passwords", "psycopg": "postgres", "redis": "redis"}

_SILENT = (
    "revocation_push: PostgreSQL and Redis announce ended sessions, "
    "SQLite and PostgreSQL behind a connection pooler do not"
)


def open_stores(settings: Settings) -> Stores:
    """Open the stores that the settings name, and make or upgrade their tables.

    Raises:
        InvalidSettings: no store of ours has such a URL, or the database is newer than this code.
        MissingExtra: a store's library is not installed.
        StoreUnavailable: the database cannot be opened, or Redis does not answer.
    """
    stores = open_sql_stores(settings.database_url, connections=settings.database_connections)
    if not settings.sessions_url:
        return stores
    try:
        with _name_missing_extra():
            from watchword.stores.redis.opening import move_to_redis  # noqa: PLC0415 -- not all need redis-py
        return move_to_redis(stores, settings.sessions_url, wait_replicas=settings.sessions_wait_replicas)
    except BaseException:
        stores.close()
        raise


def open_sql_stores(url: str, *, connections: int = 10) -> Stores:
    """Open all stores in the database at an SQLAlchemy URL, and make or upgrade its tables.

    Args:
        url: the URL, such as ``sqlite:///app.db``.
        connections: how many connections to PostgreSQL this process has at most.

    Raises:
        InvalidSettings: no store of ours has such a URL, or the database is newer than this code.
        MissingExtra: the store's library is not installed.
        StoreUnavailable: the database cannot be opened.
    """
    with _name_missing_extra():
        # the codec must not need SQLAlchemy
        from watchword.stores.sql.opening import open_sql_stores as open_stores  # noqa: PLC0415
    return open_stores(url, connections=connections)


def find_announcements(settings: Settings, stores: Stores) -> Announcements | None:
    """Return the push notifications that sessions have ended, if the settings want them.

    Raises:
        InvalidSettings: the settings want them and the stores have none.
    """
    if not settings.revocation_push:
        return None
    if stores.announcements is None:
        raise InvalidSettings(_SILENT)
    return stores.announcements


def find_schema_status(url: str) -> SchemaStatus:
    """Return how far the schema of the database at a URL is. Nothing is changed.

    Raises:
        InvalidSettings, MissingExtra, StoreUnavailable: as :func:`open_sql_stores`.
    """
    with _name_missing_extra():
        from watchword.stores.sql import opening as sql  # noqa: PLC0415 -- as above
    return sql.find_schema_status(url)


def upgrade_schema(url: str) -> SchemaUpgrade:
    """Make or upgrade the tables of the database at a URL, and return what was done.

    Raises:
        InvalidSettings, MissingExtra, StoreUnavailable: as :func:`open_sql_stores`.
    """
    before = find_schema_status(url)
    open_sql_stores(url).close()
    return SchemaUpgrade(before.version, find_schema_status(url).version)


def resolve_settings(settings: Settings, folder: Path | None = None) -> Settings:
    """Check the settings of stores without opening a store. Return them with the absolute path of a file.

    Args:
        settings: the settings.
        folder: the folder that a relative path is relative to. By default the working directory.

    Raises:
        InvalidSettings: no store of ours has such a URL, or it cannot do what the settings want.
        MissingExtra: a store's library is not installed.
    """
    with _name_missing_extra():
        from watchword.stores.sql.url import is_postgres, parse_url, resolve_url  # noqa: PLC0415 -- as above

        parsed = parse_url(settings.database_url)
        if is_postgres(parsed):
            from watchword.stores.sql.postgres import check_url  # noqa: PLC0415 -- as above

            check_url(parsed)
        if settings.sessions_url:
            from watchword.stores.redis.url import make_client_factory  # noqa: PLC0415 -- as above

            make_client_factory(settings.sessions_url)
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


def has_tables(file: Path) -> bool:
    """Return whether an SQLite file has the tables of our stores. The file is not changed.

    Returns:
        ``True`` as well if the file cannot be read now.

    Raises:
        MissingExtra: SQLAlchemy is not installed.
    """
    with _name_missing_extra():
        from watchword.stores.sql import sqlite_probe  # noqa: PLC0415 -- as above
    return sqlite_probe.has_tables(file)


def is_in_memory(url: str) -> bool:
    """Return whether the URL of a database names an SQLite database in memory.

    Raises:
        InvalidSettings: no store of ours has such a URL.
        MissingExtra: SQLAlchemy is not installed.
    """
    with _name_missing_extra():
        from watchword.stores.sql import url as urls  # noqa: PLC0415 -- as above
    return urls.is_in_memory(urls.parse_url(url))


def list_tables() -> frozenset[str]:
    """Return the names of the tables that our stores have in a database.

    Raises:
        MissingExtra: SQLAlchemy is not installed.
    """
    with _name_missing_extra():
        from watchword.stores.sql.schema import metadata  # noqa: PLC0415 -- as above
    return frozenset(metadata.tables)


def copy_database(url: str, target: Path) -> None:
    """Copy the SQLite database at a URL to a new file. Servers may continue meanwhile.

    Raises:
        InvalidSettings: the URL does not name an SQLite file.
        OSError: the new file cannot be made, because it exists or for another reason.
        StoreUnavailable: the database cannot be read.
    """
    source = url.partition(":///")[2]
    if not url.startswith("sqlite") or not source:
        raise InvalidSettings(
            "database_url must name an SQLite file to copy. Copy PostgreSQL with pg_dump, and Redis as its "
            "documentation says"
        )
    from watchword.stores.sql import sqlite_backup  # noqa: PLC0415 -- the codec must not need sqlite3

    sqlite_backup.copy_database(Path(source), target)


@contextmanager
def _name_missing_extra() -> Iterator[None]:
    """Raise an error that names the extra if a store's library is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise MissingExtra.from_extra(extra) from None
