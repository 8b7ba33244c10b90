"""Counters of failed logins in SQL."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from watchword.stores.contract import Charge, ThrottleStore
from watchword.stores.sql.database import SqlPort
from watchword.stores.sql.schema import remembered, throttles

__all__ = ["SqlThrottles"]


class SqlThrottles(SqlPort, ThrottleStore):
    """A :class:`~watchword.stores.contract.ThrottleStore` in an SQL database."""

    def charge(self, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
        def charge_it(connection: Connection, now: float) -> Charge:
            row = connection.execute(select(throttles).where(throttles.c.key == key)).one_or_none()
            if row is not None and row.blocked_until > now:
                return Charge(float(row.blocked_until - now), row.charges)
            charges = 1 if row is None or row.keep_until <= now else row.charges + 1
            delay = _delay(charges - free, max_delay)
            connection.execute(delete(throttles).where(throttles.c.key == key))
            connection.execute(
                insert(throttles).values(
                    key=key,
                    charges=charges,
                    blocked_until=now + delay,
                    keep_until=now + max(forget_after, delay),
                )
            )
            return Charge(0.0, charges)

        return self._database.write(charge_it, lock=f"throttle {key}")

    def refund(self, key: str) -> None:
        def refund_it(connection: Connection, now: float) -> None:
            connection.execute(delete(throttles).where(throttles.c.key == key, throttles.c.charges <= 1))
            fewer = update(throttles).where(throttles.c.key == key)
            connection.execute(fewer.values(charges=throttles.c.charges - 1, blocked_until=now))

        self._database.write(refund_it, lock=f"throttle {key}")

    def clear_charges(self, key: str) -> None:
        def clear(connection: Connection, _now: float) -> None:
            connection.execute(delete(throttles).where(throttles.c.key == key))

        self._database.write(clear, lock=f"throttle {key}")

    def remember(self, key: str, *, lifetime: float) -> None:
        def remember_it(connection: Connection, now: float) -> None:
            connection.execute(delete(remembered).where(remembered.c.key == key))
            connection.execute(insert(remembered).values(key=key, keep_until=now + lifetime))

        self._database.write(remember_it, lock=f"throttle {key}")

    def remembers(self, key: str) -> bool:
        def find(connection: Connection, now: float) -> bool:
            statement = select(remembered.c.key).where(remembered.c.key == key, remembered.c.keep_until > now)
            return connection.execute(statement).one_or_none() is not None

        return self._database.read(find)


def _delay(doublings: int, max_delay: float) -> float:
    if doublings < 0:
        return 0.0
    return min(max_delay, 2.0 ** min(doublings, 64))  # attackers can raise the count without end
