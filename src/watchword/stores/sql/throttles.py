"""Throttles in SQL."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, text, update

from watchword.stores.contract import Admission, LoginCounter, LoginCounters, ThrottleStore
from watchword.stores.sql.database import SqlPort
from watchword.stores.sql.schema import remembered, throttles

__all__ = ["SqlThrottles"]

# Upserts, because a hit is not serialized by a lock: two first hits at once must both count.
_HIT = text("""
    INSERT INTO watchword_throttles AS counted (key, charges, blocked_until, keep_until)
    VALUES (:key, 1, 0, :window_end)
    ON CONFLICT (key) DO UPDATE SET
        charges = CASE WHEN counted.keep_until > :now THEN counted.charges + 1 ELSE 1 END,
        keep_until = CASE WHEN counted.keep_until > :now THEN counted.keep_until ELSE excluded.keep_until END
    RETURNING charges
""")

_CHARGE = text("""
    INSERT INTO watchword_throttles (key, charges, blocked_until, keep_until)
    VALUES (:key, :charges, :blocked_until, :keep_until)
    ON CONFLICT (key) DO UPDATE SET
        charges = excluded.charges, blocked_until = excluded.blocked_until, keep_until = excluded.keep_until
""")

_REMEMBER = text("""
    INSERT INTO watchword_remembered (key, keep_until) VALUES (:key, :keep_until)
    ON CONFLICT (key) DO UPDATE SET keep_until = excluded.keep_until
""")


class SqlThrottles(SqlPort, ThrottleStore):
    """A :class:`~watchword.stores.contract.ThrottleStore` in an SQL database."""

    def admit(self, counters: LoginCounters, *, forget_after: float) -> Admission:
        def admit_it(connection: Connection, now: float) -> Admission:
            return _admit(connection, now, counters, forget_after)

        return self._database.write(admit_it, lock=f"throttle {counters.username}")

    def record_success(
        self, username: str, *, own: str, shared: str | None, device: str | None, lifetime: float
    ) -> None:
        def record_it(connection: Connection, now: float) -> None:
            connection.execute(delete(throttles).where(throttles.c.key == own))
            if shared is not None:
                _refund(connection, now, [shared])
            if device is not None:
                connection.execute(_REMEMBER, {"key": device, "keep_until": now + lifetime})

        self._database.write(record_it, lock=f"throttle {username}")

    def refund(self, username: str, keys: Sequence[str]) -> None:
        def refund_it(connection: Connection, now: float) -> None:
            _refund(connection, now, keys)

        self._database.write(refund_it, lock=f"throttle {username}")

    def hit(self, key: str, window: float) -> int:
        def hit_it(connection: Connection, now: float) -> int:
            return _hit(connection, now, key, window)

        return self._database.write(hit_it)


def _admit(connection: Connection, now: float, counters: LoginCounters, forget_after: float) -> Admission:
    """Take the steps that the contract lists. The transaction holds the lock of the username."""
    network = counters.network
    states = _read_states(connection, now, counters)
    if network is None:
        return _charge(connection, now, [counters.own], states, forget_after)
    if _is_remembered(connection, now, network.device):
        return _charge(connection, now, [network.known], states, forget_after)._replace(is_known=True)
    window = states[_to_row_key(network.address.key)]
    if window.charges >= network.address.hits:
        return Admission(window.keep_until - now)
    own = states[counters.own.key]
    if own.blocked_until > now:
        _hit(connection, now, network.address.key, network.address.window)
        return Admission(own.blocked_until - now)
    shared = network.new if own.charges < counters.own.free else network.delayed
    return _charge(connection, now, [counters.own, shared], states, forget_after)


class _State(NamedTuple):
    """A row of a counter, without its key."""

    charges: int
    blocked_until: float
    keep_until: float


def _read_states(connection: Connection, now: float, counters: LoginCounters) -> Mapping[str, _State]:
    """Return the states of all counters. A counter that has no row, or an expired row, starts at 0."""
    keys, network = [counters.own.key], counters.network
    if network is not None:
        shared = (network.known.key, network.new.key, network.delayed.key)
        keys += [*shared, _to_row_key(network.address.key)]
    states = dict.fromkeys(keys, _State(0, 0.0, 0.0))
    found = select(throttles).where(throttles.c.key.in_(keys), throttles.c.keep_until > now)
    for key, *values in connection.execute(found):
        states[key] = _State(*values)
    return states


def _is_remembered(connection: Connection, now: float, device: str) -> bool:
    found = select(remembered.c.key).where(remembered.c.key == device, remembered.c.keep_until > now)
    return connection.execute(found).one_or_none() is not None


def _charge(
    connection: Connection,
    now: float,
    counters: Sequence[LoginCounter],
    states: Mapping[str, _State],
    forget_after: float,
) -> Admission:
    """Charge every counter, or none of them if a delay runs."""
    wait = max(states[counter.key].blocked_until - now for counter in counters)
    if wait > 0:
        return Admission(wait)
    for counter in counters:
        charges = states[counter.key].charges + 1
        delay = _calculate_delay(charges - counter.free, counter.max_delay)
        connection.execute(
            _CHARGE,
            {
                "key": counter.key,
                "charges": charges,
                "blocked_until": now + delay,
                "keep_until": now + max(forget_after, delay),
            },
        )
    return Admission(0.0, tuple(counter.key for counter in counters))


def _refund(connection: Connection, now: float, keys: Sequence[str]) -> None:
    found = throttles.c.key.in_(keys)
    connection.execute(delete(throttles).where(found, throttles.c.charges <= 1))
    fewer = update(throttles).where(found)
    connection.execute(fewer.values(charges=throttles.c.charges - 1, blocked_until=now))


def _hit(connection: Connection, now: float, key: str, window: float) -> int:
    values = {"key": _to_row_key(key), "now": now, "window_end": now + window}
    return int(connection.execute(_HIT, values).scalar_one())


def _calculate_delay(doublings: int, max_delay: float) -> float:
    if doublings < 0:
        return 0.0
    return min(max_delay, 2.0 ** min(doublings, 64))  # Clients can raise the count beyond what a float holds.


def _to_row_key(key: str) -> str:
    """Convert a key to the key of its row: hits and charges share the table."""
    return f"hits {key}"
