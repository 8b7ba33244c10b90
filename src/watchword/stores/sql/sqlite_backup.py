"""A copy of an SQLite database that is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from watchword.errors import StoreUnavailable

__all__ = ["copy_database"]


def copy_database(source: Path, target: Path) -> None:
    """Copy a database to a new file of mode 0600, with everything that was committed before the call.

    Other processes may write meanwhile. A copy of the file alone would lack what stands in ``-wal``.

    Raises:
        OSError: the new file cannot be made, because it exists or for another reason.
        StoreUnavailable: SQLite cannot read the database or write the copy.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        uri = f"{source.absolute().as_uri()}?mode=rw"  # mode=ro could not read what is only in -wal
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.execute("VACUUM INTO ?", [str(target.absolute())])
        _sync(target)
        _sync(target.parent)
    except BaseException as error:
        target.unlink()
        if isinstance(error, sqlite3.Error):
            raise StoreUnavailable(f"{source} cannot be copied to {target}: {error}") from None
        raise


def _sync(path: Path) -> None:
    """Have the file or directory on disk before this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
