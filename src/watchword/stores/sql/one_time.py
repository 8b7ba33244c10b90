"""Keys that are spent once, in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from watchword.stores.sql.schema import spent

__all__ = ["spend"]


def spend(connection: Connection, now: float, key: str, attempt: str, *, keep_until: float) -> bool:
    """Whether it is this attempt that spent the key."""
    if keep_until <= now:
        return False
    winner = connection.execute(select(spent.c.attempt).where(spent.c.key == key)).scalar_one_or_none()
    if winner is not None:
        return bool(winner == attempt)
    connection.execute(insert(spent).values(key=key, attempt=attempt, keep_until=keep_until))
    return True
