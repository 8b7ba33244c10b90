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
    MARK_LIFETIME,
    EndReason,
    Feed,
    NewSession,
    Session,
    SessionDetails,
    SessionEnd,
    SessionTimes,
    TimedSession,
)
from watchword.stores.sql.schema import sessions, store, subject_ends

__all__ = [
    "KEPT",
    "end",
    "end_all",
    "find",
    "keep",
    "live",
    "mark",
    "poll",
    "record_end",
    "record_settings",
    "start",
    "swap",
]

# Rows outlive their last access token by the largest leeway (300 s) and two minutes: no poll can miss them.
KEPT = 300 + 120

Place: TypeAlias = Callable[[Connection], int | ColumnElement[int]]
"""Where in the feed of ends what a transaction ends has its place."""

IsSince: TypeAlias = Callable[[ColumnElement[int], str], ColumnElement[bool]]
"""Whether what has that place in the feed committed after a position was read."""

_Seconds: TypeAlias = int | ColumnElement[float]

_FIELDS = [sessions.c[name] for name in Session.__struct_fields__]


def mark(connection: Connection, now: float, *, position: Callable[[Connection], str]) -> str:
    """The time, and the present position in the feed."""
    return f"{now!r} {position(connection)}"


def start(
    connection: Connection,
    now: float,
    new: NewSession,
    times: SessionTimes,
    *,
    max_live: int,
    mark: str,
    place: Place,
    is_since: IsSince,
) -> tuple[TimedSession, Sequence[Session]] | None:
    """Insert, and end the oldest over ``max_live``."""
    there = find(connection, now, new.id)
    if there is not None:
        return there, ()
    if _is_overtaken(connection, now, new.subject, mark, is_since):
        return None
    durations = {"access": times.access, "idle": times.idle, "absolute": times.absolute}
    statement = insert(sessions).values(
        **msgspec.structs.asdict(new),
        generation=1,
        created_at=now,
        authenticated_at=now,
        **_expiry(literal(now), literal(now), literal(0.0), **durations),
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
    details: SessionDetails,
) -> TimedSession | None:
    """One statement; a property test holds its condition equal to rotation's ``ROTATE``."""
    parameters = {
        "now": now,
        "session_id": session_id,
        "new_generation": generation + 1,
        **{f"new_{name}": value for name, value in msgspec.structs.asdict(details).items()},
        **msgspec.structs.asdict(times),
    }
    row = connection.execute(_SWAP, parameters).one_or_none()
    return None if row is None else TimedSession(_session(row), now)


def find(connection: Connection, now: float, session_id: str) -> TimedSession | None:
    """The row, ended or not."""
    row = connection.execute(select(*_FIELDS).where(sessions.c.id == session_id)).one_or_none()
    return None if row is None else TimedSession(_session(row), now)


def keep(connection: Connection, now: float, session_id: str, subject: str, credentials_version: int) -> bool:
    """Whether there is such a session."""
    version = func.coalesce(sessions.c.credentials_version, 0)
    statement = (
        update(sessions)
        .where(sessions.c.id == session_id, _live_of(subject, now))
        .values(credentials_version=_greatest(version, literal(credentials_version)))
    )
    return connection.execute(statement).rowcount == 1


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
    _note_end_of_all(connection, now, subject, place)
    which = (sessions.c.subject == subject) & sessions.c.id.is_distinct_from(keep)
    return _end(connection, now, reason, which, place)


def record_end(
    connection: Connection,
    now: float,
    session_id: str,
    *,
    reason: EndReason,
    access_until: float,
    place: Place,
) -> None:
    """End what is there, or insert a row that has ended."""
    if find(connection, now, session_id) is not None:
        later = _greatest(sessions.c.access_until, literal(access_until))
        connection.execute(update(sessions).where(sessions.c.id == session_id).values(access_until=later))
        _end(connection, now, reason, sessions.c.id == session_id, place)
        return
    ended = {"ended_at": now, "end_reason": reason, "end_sequence": place(connection)}
    times = {"created_at": now, "authenticated_at": now, "expires_at": access_until}
    connection.execute(
        insert(sessions).values(
            id=session_id,
            subject="",
            username="",
            scopes=(),
            generation=1,
            access_until=access_until,
            keep_until=access_until + KEPT,
            **times,
            **ended,
        )
    )


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
        settings=state.settings,
        ends=tuple(SessionEnd(row.id, row.access_until) for row in connection.execute(statement)),
    )


def record_settings(connection: Connection, _now: float, settings: str, *, expected: str) -> bool:
    """One statement; what is there already is recorded, too."""
    statement = update(store).where(store.c.settings.in_([expected, settings])).values(settings=settings)
    return connection.execute(statement).rowcount == 1


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


def _note_end_of_all(connection: Connection, now: float, subject: str, place: Place) -> None:
    """Remember when all sessions of a subject were ended. Calls for the same subject go in a row."""
    noted = {"end_sequence": place(connection), "keep_until": now + MARK_LIFETIME}
    again = update(subject_ends).where(subject_ends.c.subject == subject).values(**noted)
    if connection.execute(again).rowcount == 0:
        connection.execute(insert(subject_ends).values(subject=subject, **noted))


def _is_overtaken(connection: Connection, now: float, subject: str, mark: str, is_since: IsSince) -> bool:
    """Whether all sessions of the subject were ended after the mark, or nothing can be said any more."""
    read_at, _, position = mark.partition(" ")
    if now >= float(read_at) + MARK_LIFETIME:
        return True
    statement = select(subject_ends.c.subject).where(
        subject_ends.c.subject == subject, is_since(subject_ends.c.end_sequence, position)
    )
    return connection.execute(statement).first() is not None


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
    access_until: ColumnElement[float],
    *,
    access: _Seconds,
    idle: _Seconds,
    absolute: _Seconds,
) -> dict[str, ColumnElement[float]]:
    """Whole seconds, since tokens carry them. No time is before ``access_until``, which is the row's."""
    regular = _least(_floor(now + idle), _floor(created_at + absolute))
    expires_at = _greatest(regular, access_until)
    return {
        "access_until": _greatest(_least(_floor(now) + access, regular), access_until),
        "expires_at": expires_at,
        "keep_until": expires_at + KEPT,
    }


def _floor(seconds: ColumnElement[float]) -> ColumnElement[float]:
    return func.floor(seconds, type_=Double)


def _least(one: ColumnElement[float], other: ColumnElement[float]) -> ColumnElement[float]:
    return case((one < other, one), else_=other)


def _greatest(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one > other, one), else_=other)


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
            **{name: bindparam(f"new_{name}") for name in ("username", "scopes", "user_agent", "ip_address")},
            **{
                name: func.coalesce(sessions.c[name], bindparam(f"new_{name}", type_=sessions.c[name].type))
                for name in ("audience", "client_id", "credentials_version")
            },
            **_expiry(
                now,
                sessions.c.created_at,
                sessions.c.access_until,
                access=access,
                idle=idle,
                absolute=absolute,
            ),
        )
        .returning(*_FIELDS)
    )


_SWAP = _swap_statement()  # made once: to make it takes longer than to run it
