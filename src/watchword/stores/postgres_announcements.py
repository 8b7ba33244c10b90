"""Word of ended sessions by PostgreSQL's NOTIFY."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from watchword.stores.listening import ListeningAnnouncements

__all__ = ["PostgresAnnouncements"]

logger = logging.getLogger("watchword.stores")

CHANNEL = "watchword"


class PostgresAnnouncements(ListeningAnnouncements):
    """Sent by any connection of the pool; heard on one that is none of the pool's.

    A NOTIFY is a statement of its own, after the commit: in the transaction that ends a session it would have
    all such transactions commit one after the other.
    """

    def __init__(self, engine: Engine) -> None:
        self.errors = (SQLAlchemyError, engine.dialect.loaded_dbapi.Error, OSError)
        self._engine = engine
        self._listening: Any = None

    def announce(self) -> None:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
        except self.errors as error:
            logger.info("an end is not announced, the next polls tell of it: %s", type(error).__name__)

    def close(self) -> None:
        connection = self.abandon()
        if connection is not None:
            connection.close()

    def abandon(self) -> Any:
        """The connection, left open: in a forked child it is the parent's."""
        connection, self._listening = self._listening, None
        return connection

    def heard_within(self, seconds: float) -> bool:
        connection = self._listening or self._listen()
        heard = list(connection.notifies(timeout=seconds, stop_after=1))
        if heard:
            list(connection.notifies(timeout=0))  # what was said at the same time says the same
        return bool(heard)

    def _listen(self) -> Any:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        self._listening = connection
        pooled.detach()
        connection.execute(f"LISTEN {CHANNEL}")
        return connection
