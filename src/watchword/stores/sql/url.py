"""Read the URL of a database, and say what to write in place of another library's URL."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from watchword.errors import InvalidSettings

__all__ = ["find_file", "is_in_memory", "is_postgres", "parse_url", "resolve_url"]

_SQLITE = frozenset({"sqlite", "sqlite+pysqlite"})
_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


def parse_url(url: str) -> URL:
    """Parse the URL of an SQLite or PostgreSQL database.

    Raises:
        InvalidSettings: the URL is not such a URL. Says what to write, and shows no password.
    """
    if url != url.strip() or any(unicodedata.category(character) == "Cc" for character in url):
        raise InvalidSettings(
            "database_url has white space around it, or a line break or another control character in it. "
            "Remove them"
        )
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # make_url raises ValueError if the port is not a number.
        raise InvalidSettings(
            "database_url must be a URL such as sqlite:///watchword.db. Write it without quotes, and percent-"
            "encode special characters of a password: / is %2F, # is %23"
        ) from None
    if is_postgres(parsed):
        return parsed
    if parsed.drivername.startswith("postgresql+"):
        raise InvalidSettings(
            f"database_url: {parsed.drivername}:// names another driver. Write postgresql:// instead"
        )
    if parsed.drivername not in _SQLITE:
        raise InvalidSettings(
            f"database_url must begin with sqlite:// or postgresql://, not {parsed.drivername}://. Examples: "
            "sqlite:///path/to/file, postgresql://user:password@host/name"
        )
    if parsed.query:
        raise InvalidSettings(
            f"database_url: sqlite:///path takes no parameters, and has {', '.join(sorted(parsed.query))}"
        )
    if parsed.host:
        raise InvalidSettings("database_url: sqlite:/// has three slashes before the path of a file")
    return parsed


def resolve_url(url: str, folder: Path | None = None) -> str:
    """Return the URL of a database with an absolute path, if it names a file. Nothing is opened.

    Args:
        url: the URL.
        folder: the folder that a relative path is relative to. By default the working directory.

    Raises:
        InvalidSettings: the URL is not the URL of a supported database.
    """
    parsed = parse_url(url)
    file = find_file(parsed)
    if file is None:
        return url
    path = (file if folder is None else folder / file).absolute()
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def find_file(url: URL) -> Path | None:
    """Return the path in the URL of an SQLite file, and ``None`` for any other database."""
    return None if is_postgres(url) or is_in_memory(url) else Path(str(url.database))


def is_postgres(url: URL) -> bool:
    """Return whether a URL names PostgreSQL."""
    return url.drivername in _POSTGRES


def is_in_memory(url: URL) -> bool:
    """Return whether the URL of an SQLite database names no file."""
    return url.database in {None, "", ":memory:"}
