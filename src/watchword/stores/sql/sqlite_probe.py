"""Look into an SQLite file without opening a store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from watchword.stores.sql.schema import store

__all__ = ["has_tables"]

_FIND = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"


def has_tables(file: Path) -> bool:
    """Return whether an SQLite file has the tables of our stores. The file is not changed.

    Returns:
        ``True`` as well if SQLite cannot read the file now, for example because another process locks it.
    """
    if not file.exists():
        return False
    uri = f"{file.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return connection.execute(_FIND, [store.name]).fetchone() is not None
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False  # The file is not an SQLite database.
