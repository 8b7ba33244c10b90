"""Counters of failed logins in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from watchword.stores.contract import Charge
from watchword.stores.sql.schema import remembered, throttles

__all__ = ["charge", "clear_charges", "refund", "remember", "remembers"]


def charge(
    connection: Connection, now: float, key: str, *, free: int, max_delay: float, forget_after: float
) -> Charge:
    """Charge one attempt, or say how long to wait."""
    row = connection.execute(select(throttles).where(throttles.c.key == key)).one_or_none()
    if row is not None and row.blocked_until > now:
        return Charge(float(row.blocked_until - now), row.charges)
    charges = 1 if row is None or row.keep_until <= now else row.charges + 1
    delay = _delay(charges - free, max_delay)
    clear_charges(connection, now, key)
    connection.execute(
        insert(throttles).values(
            key=key,
            charges=charges,
            blocked_until=now + delay,
            keep_until=now + max(forget_after, delay),
        )
    )
    return Charge(0.0, charges)


def refund(connection: Connection, now: float, key: str) -> None:
    """Take one charge back and end a delay that runs."""
    connection.execute(delete(throttles).where(throttles.c.key == key, throttles.c.charges <= 1))
    fewer = update(throttles).where(throttles.c.key == key)
    connection.execute(fewer.values(charges=throttles.c.charges - 1, blocked_until=now))


def clear_charges(connection: Connection, _now: float, key: str) -> None:
    """Forget the attempts."""
    connection.execute(delete(throttles).where(throttles.c.key == key))


def remember(connection: Connection, now: float, key: str, *, lifetime: float) -> None:
    """Until ``now + lifetime``."""
    connection.execute(delete(remembered).where(remembered.c.key == key))
    connection.execute(insert(remembered).values(key=key, keep_until=now + lifetime))


def remembers(connection: Connection, now: float, key: str) -> bool:
    """Whether it is remembered still."""
    statement = select(remembered.c.key).where(remembered.c.key == key, remembered.c.keep_until > now)
    return connection.execute(statement).one_or_none() is not None


def _delay(doublings: int, max_delay: float) -> float:
    if doublings < 0:
        return 0.0
    return min(max_delay, 2.0 ** min(doublings, 64))  # the count is a stranger's to raise, a float is not
