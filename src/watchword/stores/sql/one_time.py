"""Keys that can be spent once, in SQL."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from watchword.stores.contract import OneTimeStore
from watchword.stores.sql.database import SqlPort
from watchword.stores.sql.schema import spent

__all__ = ["SqlOneTime"]


class SqlOneTime(SqlPort, OneTimeStore):
    """A :class:`~watchword.stores.contract.OneTimeStore` in an SQL database."""

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        def spend_it(connection: Connection, now: float) -> bool:
            if keep_until <= now:
                return False
            winner = connection.execute(
                select(spent.c.attempt).where(spent.c.key == key)
            ).scalar_one_or_none()
            if winner is not None:
                return bool(winner == attempt)
            connection.execute(insert(spent).values(key=key, attempt=attempt, keep_until=keep_until))
            return True

        return self._database.write(spend_it, lock=f"spent {key}")
