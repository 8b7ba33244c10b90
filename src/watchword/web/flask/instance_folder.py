"""Resolve the path of an SQLite file: a relative path is relative to the instance folder.

Flask-SQLAlchemy reads a relative path in the same way. So a URL means the same file for both, and for
every command and server, whatever folder they are started in.
"""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from watchword.errors import InvalidSettings
from watchword.settings import Settings
from watchword.stores import find_database_file, has_tables, resolve_settings

__all__ = ["make_folder", "resolve_in_folder"]

logger = logging.getLogger("watchword.web")

# SQLite's log and the index of the log, and the secret of our signing keys.
_COMPANIONS = ("", "-wal", "-shm", ".secret")


def resolve_in_folder(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the absolute path of the database. Nothing is opened or made.

    Args:
        settings: the settings of the application.
        folder: the application's instance folder.

    Raises:
        InvalidSettings: a URL is not the URL of a store, or the tables of Watchword are in the file of the
            working directory only, where earlier versions looked for them.
        MissingExtra: the library of a store is not installed.
    """
    resolved = resolve_settings(settings, folder)
    file = find_database_file(resolved.database_url)
    if file is not None:
        _refuse_left_behind(settings.database_url, file)
    return resolved


def make_folder(settings: Settings, folder: Path) -> None:
    """Make the instance folder if the database lies in it, and log where the database is.

    Raises:
        InvalidSettings: the folder cannot be made.
    """
    file = find_database_file(settings.database_url)
    if file is None:
        return
    if file.is_relative_to(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidSettings(
                f"the folder {folder} for the database {file.name} cannot be made: {error.strerror}. "
                "Make it, or set database_url to an absolute path (sqlite:////path/to/file)"
            ) from None
    logger.info("The database is %s", file)


def _refuse_left_behind(url: str, file: Path) -> None:
    # A new database instead of the old one would have no accounts, and nothing would say why. An extension
    # such as Flask-SQLAlchemy may have made a file of that name in the instance folder.
    relative = find_database_file(url)
    if relative is None or relative.is_absolute():
        return
    old = relative.absolute()
    if old == file or not has_tables(old) or has_tables(file):
        return
    state = "has no tables of Watchword" if file.exists() else "does not exist"
    raise InvalidSettings(
        f"database_url {url} means {file}, which {state}. But {old} exists and has tables of Watchword: "
        "earlier versions took a relative path from the working directory. "
        f"{_advise_move(old, file)}set database_url to its absolute path: sqlite:///{old}"
    )


def _advise_move(old: Path, file: Path) -> str:
    if file.exists():
        return "To use it, "  # A move would replace the file of another extension.
    found = [f"{old}{suffix}" for suffix in _COMPANIONS if Path(f"{old}{suffix}").exists()]
    move = shlex.join(["mv", *found, f"{file.parent}/"])
    make = shlex.join(["mkdir", "-p", str(file.parent)])
    return f"Stop all processes that use it and move it: `{make} && {move}`. To leave it there, "
