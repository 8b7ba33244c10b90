"""Sessions and the feed of their ends in SQL.

Here and in the modules beside this one each function is one operation of the contract: it runs inside a
transaction of the store and is given the store's time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Row,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from watchword.stores.contract import (
    EndReason,
    Feed,
    NewSession,
    Session,
    SessionEnd,
    SessionTimes,
    TimedSession,
)
from watchword.stores.schema import sessions, store

__all__ = ["KEPT", "end", "end_all", "find", "live", "poll", "start", "swap"]

# Rows outlive their last access token by the largest leeway (300 s) and two minutes: no poll can miss them.
KEPT = 300 + 120

Place: TypeAlias = Callable[[Connection], int | ColumnElement[int]]
"""Where in the feed of ends what a transaction ends has its place."""

_Seconds: TypeAlias = int | ColumnElement[float]

_FIELDS = [sessions.c[name] for name in Session.__struct_fields__]


def start(
    connection: Connection,
    now: float,
    new: NewSession,
    times: SessionTimes,
    *,
    max_live: int,
    place: Place,
) -> tuple[TimedSession, Sequence[Session]]:
    """Insert, and end the oldest over ``max_live``."""
    there = find(connection, now, new.id)
    if there is not None:
        return there, ()
    statement = insert(sessions).values(
        **msgspec.structs.asdict(new),
        generation=1,
        created_at=now,
        authenticated_at=now,
        **_expiry(literal(now), literal(now), times.access, times.idle, times.absolute),
    )
    row = connection.execute(statement.returning(*_FIELDS)).one()
    return TimedSession(_session(row), now), _end_surplus(connection, now, new, max_live, place)


def swap(
    connection: Connection,
    now: float,
    session_id: str,
    generation: int,
    times: SessionTimes,
    *,
    user_agent: str | None,
    ip_address: str | None,
) -> TimedSession | None:
    """One statement; a property test holds its condition equal to rotation's ``ROTATE``."""
    parameters = {
        "now": now,
        "session_id": session_id,
        "new_generation": generation + 1,
        "new_user_agent": user_agent,
        "new_ip_address": ip_address,
        **msgspec.structs.asdict(times),
    }
    row = connection.execute(_SWAP, parameters).one_or_none()
    return None if row is None else TimedSession(_session(row), now)


def find(connection: Connection, now: float, session_id: str) -> TimedSession | None:
    """The row, ended or not."""
    row = connection.execute(select(*_FIELDS).where(sessions.c.id == session_id)).one_or_none()
    return None if row is None else TimedSession(_session(row), now)


def live(connection: Connection, now: float, subject: str) -> Sequence[Session]:
    """Newest first."""
    statement = select(*_FIELDS).where(_live_of(subject, now)).order_by(sessions.c.created_at.desc())
    return [_session(row) for row in connection.execute(statement)]


def end(
    connection: Connection, now: float, session_id: str, reason: EndReason, *, place: Place
) -> Session | None:
    """End one."""
    ended = _end(connection, now, reason, sessions.c.id == session_id, place)
    return ended[0] if ended else None


def end_all(
    connection: Connection,
    now: float,
    subject: str,
    reason: EndReason,
    *,
    keep: str | None = None,
    place: Place,
) -> Sequence[Session]:
    """End all of a subject's; expired ones too, for the leeway of their last access tokens."""
    which = (sessions.c.subject == subject) & sessions.c.id.is_distinct_from(keep)
    return _end(connection, now, reason, which, place)


def poll(
    connection: Connection,
    now: float,
    identity: str | None,
    position: int | None,
    *,
    grace: float,
    lineage: Callable[[Connection], str],
    reached: Callable[[Connection], int],
) -> Feed:
    """What ended since. All that has a place up to the one reached was committed: nothing is missed."""
    state = connection.execute(select(store)).one()
    here, complete = f"{state.identity}/{lineage(connection)}", reached(connection)
    goes_on = identity == here and position is not None and position <= complete
    statement = select(sessions.c.id, sessions.c.access_until).where(
        sessions.c.end_sequence > (position if goes_on else 0), sessions.c.access_until > now - grace
    )
    return Feed(
        now=now,
        identity=here,
        position=complete,
        key_version=state.key_version,
        ends=tuple(SessionEnd(row.id, row.access_until) for row in connection.execute(statement)),
    )


def _end(
    connection: Connection, now: float, reason: EndReason, which: ColumnElement[bool], place: Place
) -> Sequence[Session]:
    """End those of ``which`` that had not ended, all at the same place in the feed."""
    statement = (
        update(sessions)
        .where(which, sessions.c.ended_at.is_(None))
        .values(
            ended_at=now,
            end_reason=reason,
            end_sequence=place(connection),
            keep_until=sessions.c.access_until + KEPT,
        )
        .returning(*_FIELDS)
    )
    return [_session(row) for row in connection.execute(statement)]


def _end_surplus(
    connection: Connection, now: float, new: NewSession, max_live: int, place: Place
) -> Sequence[Session]:
    surplus = (
        select(sessions.c.id)
        .where(_live_of(new.subject, now), sessions.c.id != new.id)
        .order_by(sessions.c.created_at.desc())
        .offset(max_live - 1)
    )
    oldest = connection.execute(surplus).scalars().all()
    which = sessions.c.id.in_(oldest)
    return _end(connection, now, "too_many_sessions", which, place) if oldest else ()


def _live_of(subject: str, now: float) -> ColumnElement[bool]:
    return (sessions.c.subject == subject) & sessions.c.ended_at.is_(None) & (sessions.c.expires_at > now)


def _expiry(
    now: ColumnElement[float],
    created_at: ColumnElement[float],
    access: _Seconds,
    idle: _Seconds,
    absolute: _Seconds,
) -> dict[str, ColumnElement[float]]:
    """Whole seconds, since tokens carry them."""
    expires_at = _least(_floor(now + idle), _floor(created_at + absolute))
    return {
        "access_until": _least(_floor(now) + access, expires_at),
        "expires_at": expires_at,
        "keep_until": expires_at + KEPT,
    }


def _floor(seconds: ColumnElement[float]) -> ColumnElement[float]:
    return func.floor(seconds, type_=Double)


def _least(one: ColumnElement[float], other: ColumnElement[float]) -> ColumnElement[float]:
    return case((one < other, one), else_=other)


def _session(row: Row[tuple[object, ...]]) -> Session:
    return msgspec.convert(row, Session, from_attributes=True)


def _swap_statement() -> ReturningUpdate[Any]:
    new_generation = bindparam("new_generation", type_=BigInteger)
    now, window, access, idle, absolute = (
        bindparam(name, type_=Double) for name in ("now", "window", "access", "idle", "absolute")
    )
    return (
        update(sessions)
        .where(
            sessions.c.id == bindparam("session_id"),
            sessions.c.generation < new_generation,
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > now,
            or_(sessions.c.refreshed_at.is_(None), sessions.c.refreshed_at <= now - window),
        )
        .values(
            generation=new_generation,
            refreshed_at=now,
            user_agent=bindparam("new_user_agent"),
            ip_address=bindparam("new_ip_address"),
            **_expiry(now, sessions.c.created_at, access, idle, absolute),
        )
        .returning(*_FIELDS)
    )


_SWAP = _swap_statement()  # made once: to make it takes longer than to run it
