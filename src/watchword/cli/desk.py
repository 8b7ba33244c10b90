"""What the commands work on: the store that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchword.auth import Auth
from watchword.errors import InvalidSettings
from watchword.settings import Settings

__all__ = ["front_desk"]


@contextmanager
def front_desk(*, create: bool = False) -> Iterator[Auth]:
    """The front desk of the database in the environment, closed at the end.

    Args:
        create: whether to make a database file that is not there; otherwise the directory or the URL is
            taken to be wrong.

    Raises:
        InvalidSettings: a setting is not usable, or there is no such database.
    """
    settings = Settings.from_environment(os.environ)
    if not create:
        _check_exists(settings.database_url)
    auth = Auth(settings=settings)
    try:
        yield auth
    finally:
        auth.close()


def _check_exists(url: str) -> None:
    path = url.partition(":///")[2].partition("?")[0]
    if url.startswith("sqlite") and path and not Path(path).exists():
        raise InvalidSettings(
            f"there is no database {path} here: change to its directory or set DATABASE_URL "
            "(`watchword serve` and `watchword account add` make a new one)"
        )
