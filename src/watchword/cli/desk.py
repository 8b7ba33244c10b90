"""What the commands work on: the store that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from watchword.auth import Auth
from watchword.errors import InvalidSettings
from watchword.settings import Settings

__all__ = ["database_url", "front_desk"]


def database_url() -> str:
    """The URL in the environment, of a database that is there.

    Raises:
        InvalidSettings: a setting is not usable, or there is no such file.
    """
    settings = Settings.from_environment(os.environ)
    _refuse(_missing_file(settings.database_url))
    return settings.database_url


@contextmanager
def front_desk(*, create: bool = False) -> Iterator[Auth]:
    """The front desk of the database in the environment, closed at the end.

    Args:
        create: whether to make a database file that is not there, and say so; otherwise the directory or the
            URL is taken to be wrong.

    Raises:
        InvalidSettings: a setting is not usable, or there is no such database.
    """
    settings = Settings.from_environment(os.environ)
    missing = _missing_file(settings.database_url)
    if not create:
        _refuse(missing)
    if missing and not Path(missing).parent.is_dir():
        raise InvalidSettings(f"there is no directory {Path(missing).parent} to make the database in")
    auth = Auth(settings=settings)
    try:
        if missing:
            click.echo(f"Made a new database: {missing}", err=True)
        yield auth
    finally:
        auth.close()


def _refuse(missing: str | None) -> None:
    if missing:
        raise InvalidSettings(
            f"there is no database {missing} here: change to its directory or set DATABASE_URL "
            "(`watchword serve` and `watchword account add` make a new one)"
        )


def _missing_file(url: str) -> str | None:
    """The file of an SQLite URL, if it is not there.

    Raises:
        InvalidSettings: the URL names a database in memory.
    """
    if not url.startswith("sqlite:"):
        return None
    path = url.partition(":///")[2].partition("?")[0]
    if path in {"", ":memory:"}:
        # a server's workers are processes too
        raise InvalidSettings(
            "DATABASE_URL names a database in memory, which every process has for itself; name a file"
        )
    return None if Path(path).exists() else path
