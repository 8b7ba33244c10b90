"""Open the store that a command works on, and record the acts of the command."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import click
import msgspec

from watchword.auth import Auth
from watchword.cli.hints import suggest_command
from watchword.errors import InvalidSettings
from watchword.events import Act, Event, Listener, act_as, to_json
from watchword.settings import Settings
from watchword.stores import find_database_file

__all__ = [
    "EnvironmentSource",
    "StoreSource",
    "find_database_url",
    "has_database_file",
    "open_auth",
    "use_source",
]

_SOURCE = "watchword.cli.source"  # in the context of click


class StoreSource(Protocol):
    """Where commands take the settings of the store from."""

    @property
    def database_url(self) -> str | None:
        """The URL of the database, or ``None`` if the application opens its own store."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings of the store."""
        ...

    @property
    def url_name(self) -> str:
        """The setting that holds the URL, as the user writes it."""
        ...

    def explain_missing(self, file: Path) -> str:
        """Return the sentence about a database file that does not exist."""
        ...

    def open(self, listener: Listener) -> AbstractContextManager[Auth]:
        """Open the store. The listener receives every event."""
        ...


class EnvironmentSource:
    """The settings in the environment.

    Args:
        settings: settings that were read already.

    Raises:
        InvalidSettings: a setting is not usable.
    """

    url_name = "DATABASE_URL"

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment(os.environ)
        self.database_url = self.settings.database_url

    def explain_missing(self, file: Path) -> str:
        """Return the sentence about a database file that does not exist."""
        return (
            f"there is no database {file} here: change to its directory or set DATABASE_URL "
            f"(`{suggest_command('serve')}` and `{suggest_command('account add')}` make a new one)"
        )

    @contextmanager
    def open(self, listener: Listener) -> Iterator[Auth]:
        """Open the store, and close it at the end.

        Raises:
            InvalidSettings: there is no directory for a new database.
        """
        file = find_database_file(self.database_url)
        if file is not None and not file.parent.is_dir():
            raise InvalidSettings(f"there is no directory {file.parent} to make the database in")
        # A database that allows few connections must have a connection left for a command.
        settings = msgspec.structs.replace(self.settings, database_connections=1)
        auth = Auth(settings=settings, listeners=[listener])
        try:
            yield auth
        finally:
            auth.close()


def use_source(context: click.Context, source: StoreSource) -> None:
    """Let the commands of a context work on this store. Without a call they read the environment."""
    context.meta[_SOURCE] = source


@contextmanager
def open_auth(
    *, before_creating: Callable[[Settings], None] | None = None, source: StoreSource | None = None
) -> Iterator[Auth]:
    """Open the Auth of the store, and close it at the end. Its acts have the user of the system as actor.

    Args:
        before_creating: called with the settings before a database file that does not exist is made, which is
            then said. It raises if there would be nothing to put into the database. Without it the command
            takes the directory or the URL to be wrong.
        source: by default the source of the running command.

    Raises:
        InvalidSettings: a setting is not usable, or there is no such database.
    """
    source = source or _find_source()
    missing = _find_missing_file(source)
    if missing is not None:
        if before_creating is None:
            raise InvalidSettings(source.explain_missing(missing))
        _refuse_lone_secret(missing)
        before_creating(source.settings)
    # _record_act writes the acts. Without a handler Python would write warnings to standard error as well.
    logging.getLogger("watchword.security").addHandler(logging.NullHandler())
    with source.open(_record_act) as auth:
        if auth.stores.in_memory:
            raise InvalidSettings(_explain_memory(source))
        if missing is not None:
            click.echo(f"Made a new database: {missing}", err=True)
        with act_as(f"cli:{_find_system_user()}"):
            yield auth


def find_database_url() -> str:
    """Return the URL of the database of the running command.

    Raises:
        InvalidSettings: a setting is not usable, there is no such file, or the application opens its own
            store.
    """
    source = _find_source()
    missing = _find_missing_file(source)
    if missing is not None:
        raise InvalidSettings(source.explain_missing(missing))
    if source.database_url is None:
        raise InvalidSettings(
            "the application opens its own store, so the URL of its database is not known here. "
            "Run `watchword database` with DATABASE_URL instead"
        )
    return source.database_url


def has_database_file(settings: Settings) -> bool:
    """Return whether the settings name a database file, and the file exists."""
    file = find_database_file(settings.database_url)
    return file is not None and file.exists()


def _find_source() -> StoreSource:
    found: StoreSource | None = click.get_current_context().meta.get(_SOURCE)
    return found or EnvironmentSource()


def _find_missing_file(source: StoreSource) -> Path | None:
    """Return the database file if it does not exist.

    Raises:
        InvalidSettings: the URL names a database in memory.
    """
    url = source.database_url
    if url is None:
        return None
    file = find_database_file(url)
    if file is None and url.startswith("sqlite"):
        raise InvalidSettings(_explain_memory(source))
    return None if file is None or file.exists() else file


def _explain_memory(source: StoreSource) -> str:
    # The workers of a server are processes too.
    what = "the application opens" if source.database_url is None else f"{source.url_name} names"
    return f"{what} a database in memory, which every process has for itself. Name a file"


def _refuse_lone_secret(database: Path) -> None:
    """Refuse to make a new database, with a new account, where a secret shows that a database was lost.

    If several servers start at once, the first makes the database and then the secret. So check for the
    database again after the secret.
    """
    secret = database.with_name(f"{database.name}.secret")
    if secret.exists() and not database.exists():
        raise InvalidSettings(
            f"the database {database} is missing, but {secret.name} is there: restore the database, "
            "or remove the secret to begin with no accounts"
        )


def _record_act(event: Event) -> None:
    """Write each administrative act with its time to standard error, as a line of JSON."""
    if isinstance(event, Act):
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        click.echo(json.dumps({"time": time, **json.loads(to_json(event))}), err=True)


def _find_system_user() -> str:
    """Return the name of the user that runs this process, or the user's number if it has no name."""
    if sys.platform == "win32":
        return os.getlogin()
    import pwd  # noqa: PLC0415 -- Windows has no such module

    try:
        return pwd.getpwuid(os.geteuid()).pw_name  # The environment could name any user.
    except KeyError:
        return str(os.geteuid())
