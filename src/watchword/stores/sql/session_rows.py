"""Read and write rows of sessions in SQL, in SQLite and PostgreSQL alike."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Double, Row, bindparam, case, func, or_, update
from sqlalchemy.sql.dml import ReturningUpdate

from watchword.stores.contract import Session
from watchword.stores.rows import decode_claims, read_row
from watchword.stores.sql.schema import sessions

__all__ = ["FIELDS", "KEPT", "SWAP", "expire", "greatest", "is_live", "to_session"]

# Rows outlive their last access token by the largest leeway (300 s) and two minutes: no poll can miss them.
KEPT = 300 + 120

FIELDS = [sessions.c[name] for name in Session.__struct_fields__]

_Seconds: TypeAlias = int | ColumnElement[float]


def to_session(row: Row[tuple[object, ...]]) -> Session:
    """Return the session in a row of :data:`FIELDS`.

    Raises:
        StoreUnavailable: the row does not have the form that this code writes.
    """
    return read_row(_convert, row)


def _convert(row: Row[tuple[object, ...]]) -> Session:
    fields: dict[str, Any] = dict(zip(Session.__struct_fields__, row, strict=True))
    fields["claims"] = decode_claims(fields["claims"] or "{}")
    return msgspec.convert(fields, Session)


def is_live(subject: str, now: float) -> ColumnElement[bool]:
    """Return the condition that a session of the subject is neither ended nor expired."""
    return (sessions.c.subject == subject) & sessions.c.ended_at.is_(None) & (sessions.c.expires_at > now)


def expire(
    now: ColumnElement[float],
    created_at: ColumnElement[float],
    access_until: ColumnElement[float],
    *,
    access: _Seconds,
    idle: _Seconds,
    absolute: _Seconds,
) -> dict[str, ColumnElement[float]]:
    """Return the times at which a session that starts or swaps now expires.

    They are whole seconds, because tokens carry them.

    Args:
        now: the store's time.
        created_at: when the session started.
        access_until: the row's ``access_until``. No time is before it.
        access: lifetime of an access token.
        idle: lifetime without a refresh.
        absolute: longest lifetime.
    """
    regular = _least(_floor(now + idle), _floor(created_at + absolute))
    expires_at = greatest(regular, access_until)
    return {
        "access_until": greatest(_least(_floor(now) + access, regular), access_until),
        "expires_at": expires_at,
        "keep_until": expires_at + KEPT,
    }


def greatest(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the greater of two values. SQLite and PostgreSQL have different functions for it."""
    return case((one > other, one), else_=other)


def _least(one: ColumnElement[float], other: ColumnElement[float]) -> ColumnElement[float]:
    return case((one < other, one), else_=other)


def _floor(seconds: ColumnElement[float]) -> ColumnElement[float]:
    return func.floor(seconds, type_=Double)


def _make_swap() -> ReturningUpdate[Any]:
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
            **expire(
                now,
                sessions.c.created_at,
                sessions.c.access_until,
                access=access,
                idle=idle,
                absolute=func.coalesce(sessions.c.lifetime, absolute),
            ),
        )
        .returning(*FIELDS)
    )


SWAP = _make_swap()
"""The compare-and-swap of a refresh. Made once, because making it takes longer than running it.

A property test compares its condition with :func:`watchword.sessions.rotation.decide_refresh`.
"""
