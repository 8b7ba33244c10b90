"""From a URL to the store behind it; a backend is imported only when its URL is opened."""

from __future__ import annotations

from watchword.errors import MissingExtra
from watchword.stores.contract import Store

__all__ = ["open_store"]


def open_store(url: str) -> Store:
    """The store at an SQLAlchemy URL such as ``sqlite:///app.db``, its tables made or upgraded.

    Raises:
        InvalidSettings: no store of ours has such a URL, or the database is newer than this code.
        MissingExtra: the store's library is not installed.
        StoreUnavailable: the database cannot be opened.
    """
    try:
        from watchword.stores.sql import SqlStore  # noqa: PLC0415 -- the codec must not need SQLAlchemy
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise MissingExtra.named("sql") from None
    return SqlStore(url)
