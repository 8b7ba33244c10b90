"""What the commands work on: the store that the environment names."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from watchword.auth import Auth
from watchword.cli.hints import runnable
from watchword.errors import InvalidSettings
from watchword.events import Act, Event, act_as, to_json
from watchword.settings import Settings

__all__ = ["database_url", "front_desk", "has_database_file"]


def has_database_file(settings: Settings) -> bool:
    """Return whether the settings name a database file, and it is there."""
    url = settings.database_url
    return url.startswith("sqlite:") and _missing_file(url) is None


def database_url() -> str:
    """The URL in the environment, of a database that is there.

    Raises:
        InvalidSettings: a setting is not usable, or there is no such file.
    """
    settings = Settings.from_environment(os.environ)
    _refuse(_missing_file(settings.database_url))
    return settings.database_url


@contextmanager
def front_desk(*, create: bool = False, settings: Settings | None = None) -> Iterator[Auth]:
    """The front desk of the database in the environment, closed at the end.

    Args:
        create: whether to make a database file that is not there, and say so; otherwise the directory or the
            URL is taken to be wrong.
        settings: instead of the environment's.

    Raises:
        InvalidSettings: a setting is not usable, or there is no such database.
    """
    settings = settings or Settings.from_environment(os.environ)
    missing = _missing_file(settings.database_url)
    if not create:
        _refuse(missing)
    if missing and not Path(missing).parent.is_dir():
        raise InvalidSettings(f"there is no directory {Path(missing).parent} to make the database in")
    if missing:
        _refuse_lone_secret(Path(missing))
    logging.getLogger("watchword.security").addHandler(logging.NullHandler())  # _record_act writes the acts
    # a database that allows few connections has to have one left for a command
    settings = msgspec.structs.replace(settings, database_connections=1)
    auth = Auth(settings=settings, listeners=[_record_act])
    try:
        if missing:
            click.echo(f"Made a new database: {missing}", err=True)
        with act_as(f"cli:{_system_user()}"):
            yield auth
    finally:
        auth.close()


def _record_act(event: Event) -> None:
    """Write one line of JSON to standard error for each administrative act, with the time."""
    if isinstance(event, Act):
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        click.echo(json.dumps({"time": time, **json.loads(to_json(event))}), err=True)


def _system_user() -> str:
    """Return the name of the user that runs this process, or the user's number if it has no name."""
    if sys.platform == "win32":
        return os.getlogin()
    import pwd  # noqa: PLC0415 -- Windows has no such module

    try:
        return pwd.getpwuid(os.geteuid()).pw_name  # not from the environment, which can name any user
    except KeyError:
        return str(os.geteuid())


def _refuse(missing: str | None) -> None:
    if missing:
        raise InvalidSettings(
            f"there is no database {missing} here: change to its directory or set DATABASE_URL "
            f"(`{runnable('serve')}` and `{runnable('account add')}` make a new one)"
        )


def _refuse_lone_secret(database: Path) -> None:
    """Refuse to make a new database, with a new account, where a secret says that there was another.

    Of servers that start at once the first makes the database, and then the secret. So the database is looked
    for once more after the secret.
    """
    secret = database.with_name(f"{database.name}.secret")
    if secret.exists() and not database.exists():
        raise InvalidSettings(
            f"the database {database} is missing, but {secret.name} is there: restore the database, "
            "or remove the secret to begin with no accounts"
        )


def _missing_file(url: str) -> str | None:
    """The file of an SQLite URL, if it is not there.

    Raises:
        InvalidSettings: the URL names a database in memory.
    """
    _, separator, path = url.partition(":///")
    if not url.startswith("sqlite:") or (not separator and url != "sqlite://"):
        return None  # a database elsewhere, or a URL that opening it refuses with the reason
    path = path.partition("?")[0]
    if path in {"", ":memory:"}:
        # a server's workers are processes too
        raise InvalidSettings(
            "DATABASE_URL names a database in memory, which every process has for itself; name a file"
        )
    return None if Path(path).exists() else path
