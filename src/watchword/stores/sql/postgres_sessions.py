"""Sessions in PostgreSQL: a refresh runs statements written by hand, each in a single round trip.

They run on the driver's own connection, because SQLAlchemy's would double what they cost.
"""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from watchword.stores.answers import check_answer
from watchword.stores.contract import Session, SessionDetails, SessionTimes, TimedSession
from watchword.stores.rows import decode_claims, read_row
from watchword.stores.sql import postgres
from watchword.stores.sql.database import repeat_if_lost
from watchword.stores.sql.schema import sessions
from watchword.stores.sql.session_rows import KEPT
from watchword.stores.sql.sessions import SqlSessions

__all__ = ["PostgresSessions"]

_FIELDS = ", ".join(f"s.{name}" for name in Session.__struct_fields__)

_REGULAR_END = "least(floor(now + %(idle)s), floor(created_at + coalesce(lifetime, %(absolute)s)))"

_FIND = f"SELECT {postgres.NOW} + %(shift)s, {_FIELDS} FROM {sessions.name} AS s WHERE id = %(id)s"  # noqa: S608 - as below

# The same as session_rows.SWAP. The clock is read once, before the row's lock is waited for. A process that
# swapped meanwhile did so later, so the condition, which is then evaluated again, does not hold.
_SWAP = f"""
WITH moment AS (
    SELECT {postgres.NOW} + %(shift)s AS now, set_config('lock_timeout', %(patience)s, true)
)
UPDATE {sessions.name} AS s SET
    generation = %(generation)s + 1,
    refreshed_at = now,
    username = %(username)s,
    scopes = %(scopes)s,
    user_agent = %(user_agent)s,
    ip_address = %(ip_address)s,
    audience = coalesce(audience, %(audience)s),
    client_id = coalesce(client_id, %(client_id)s),
    credentials_version = coalesce(credentials_version, %(credentials_version)s),
    expires_at = greatest({_REGULAR_END}, access_until),
    access_until = greatest(least(floor(now) + %(access)s, {_REGULAR_END}), access_until),
    keep_until = greatest({_REGULAR_END}, access_until) + {KEPT}
FROM moment
WHERE id = %(id)s AND generation <= %(generation)s AND ended_at IS NULL AND expires_at > now
    AND (refreshed_at IS NULL OR refreshed_at <= now - %(window)s)
RETURNING now, {_FIELDS}
"""  # noqa: S608 - made of names of our own


class PostgresSessions(SqlSessions):
    """A :class:`~watchword.stores.contract.SessionStore` in PostgreSQL.

    Args:
        database: where the sessions are.
    """

    def __init__(self, database: postgres.PostgresDatabase) -> None:
        super().__init__(database)
        self._postgres = database

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        parameters = {
            **msgspec.structs.asdict(details),
            **msgspec.structs.asdict(times),
            "id": session_id,
            "generation": generation,
            "scopes": " ".join(details.scopes),
            "shift": self._postgres.time_shift,
            "patience": postgres.to_milliseconds(postgres.STATEMENT_TIMEOUT),
        }
        swapped = self._read_session(_SWAP, parameters)
        if swapped is not None:
            self._postgres.purge_if_due(swapped.now)
        return swapped

    def find_session(self, session_id: str) -> TimedSession | None:
        return self._read_session(_FIND, {"id": session_id, "shift": self._postgres.time_shift})

    def _read_session(self, statement: str, parameters: dict[str, Any]) -> TimedSession | None:
        def attempt() -> TimedSession | None:
            with self._postgres.use_driver_connection() as connection:
                row = connection.execute(statement, parameters).fetchone()
                timed = None if row is None else read_row(_to_session, row)
                check_answer(timed, session_id=parameters["id"])
            return timed

        return repeat_if_lost(attempt)


def _to_session(row: Sequence[Any]) -> TimedSession:
    now, *values = row
    fields = dict(zip(Session.__struct_fields__, values, strict=True))
    fields["scopes"] = tuple(fields["scopes"].split())
    fields["amr"] = tuple((fields["amr"] or "").split())
    fields["claims"] = decode_claims(fields["claims"] or "{}")
    return TimedSession(Session(**fields), now)
