"""Push notifications that sessions have ended, by PostgreSQL's NOTIFY."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from watchword.forks import PerProcess
from watchword.stores.listening import ListeningAnnouncements

__all__ = ["PostgresAnnouncements"]

logger = logging.getLogger("watchword.stores")

CHANNEL = "watchword"


class PostgresAnnouncements(ListeningAnnouncements):
    """Announcements over PostgreSQL. Any connection of the pool sends them. Another connection receives them.

    A NOTIFY is a statement after the commit. In the transaction that ends a session it would serialize the
    commits of all such transactions.
    """

    def __init__(self, engines: PerProcess[Engine]) -> None:
        driver_error = engines.obtain().dialect.loaded_dbapi.Error
        self.errors = (SQLAlchemyError, driver_error, OSError)
        self._engines = engines
        self._listening = PerProcess(partial(_listen, engines))

    def announce(self) -> None:
        try:
            with self._engines.obtain().connect() as connection:
                connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
        except self.errors as error:
            logger.info("an end was not announced, so the next polls bring it: %s", type(error).__name__)

    def close(self) -> None:
        connection = self._listening.remove()
        if connection is not None:
            connection.close()

    def wait_for_message(self, seconds: float) -> bool:
        connection = self._listening.obtain()
        heard = list(connection.notifies(timeout=seconds, stop_after=1))
        if heard:
            list(connection.notifies(timeout=0))  # Announcements at the same time need a single poll.
        return bool(heard)


def _listen(engines: PerProcess[Engine]) -> Any:
    pooled = engines.obtain().raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    try:
        connection.execute(f"LISTEN {CHANNEL}")
    except BaseException:
        connection.close()
        raise
    return connection
