"""Sessions and the feed of their ends in SQL."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, insert, literal, select, update
from sqlalchemy import func as sql

from watchword.stores.answers import check_answers_of
from watchword.stores.contract import (
    END_NOTICE,
    MARK_LIFETIME,
    EndReason,
    Feed,
    NewSession,
    Session,
    SessionDetails,
    SessionEnd,
    SessionStore,
    SessionTimes,
    TimedSession,
)
from watchword.stores.sql.database import SqlPort
from watchword.stores.sql.schema import sessions, store, subject_ends
from watchword.stores.sql.session_rows import FIELDS, KEPT, SWAP, expire, greatest, is_live, to_session

__all__ = ["SqlSessions"]


class SqlSessions(SqlPort, SessionStore):
    """A :class:`~watchword.stores.contract.SessionStore` in an SQL database."""

    def read_mark(self) -> str:
        def read(connection: Connection, now: float) -> str:
            return f"{now!r} {self._database.read_mark(connection)}"

        return self._database.read(read)

    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        def start(connection: Connection, now: float) -> tuple[TimedSession, Sequence[Session]] | None:
            there = self._find(connection, now, new.id)
            if there is not None:
                return there, ()
            if self._is_overtaken(connection, now, new.subject, mark):
                return None
            absolute = times.absolute if new.lifetime is None else new.lifetime
            durations = {"access": times.access, "idle": times.idle, "absolute": absolute}
            statement = insert(sessions).values(
                **msgspec.structs.asdict(new),
                generation=1,
                created_at=now,
                authenticated_at=now,
                **expire(literal(now), literal(now), literal(0.0), **durations),
            )
            row = connection.execute(statement.returning(*FIELDS)).one()
            return TimedSession(to_session(row), now), self._end_surplus(connection, now, new, max_live)

        return self._database.write(
            check_answers_of(start, session_id=new.id, subject=new.subject), lock=f"subject {new.subject}"
        )

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        def swap(connection: Connection, now: float) -> TimedSession | None:
            parameters = {
                "now": now,
                "session_id": session_id,
                "new_generation": generation + 1,
                **{f"new_{name}": value for name, value in msgspec.structs.asdict(details).items()},
                **msgspec.structs.asdict(times),
            }
            row = connection.execute(SWAP, parameters).one_or_none()
            return None if row is None else TimedSession(to_session(row), now)

        return self._database.write(check_answers_of(swap, session_id=session_id))

    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        def keep(connection: Connection, now: float) -> bool:
            version = sql.coalesce(sessions.c.credentials_version, 0)
            statement = (
                update(sessions)
                .where(sessions.c.id == session_id, is_live(subject, now))
                .values(credentials_version=greatest(version, literal(credentials_version)))
            )
            return connection.execute(statement).rowcount == 1

        return self._database.write(keep)

    def replace_version(self, subject: str, before: int, after: int) -> None:
        def replace(connection: Connection, now: float) -> None:
            which = is_live(subject, now) & (sessions.c.credentials_version == before)
            connection.execute(update(sessions).where(which).values(credentials_version=after))

        self._database.write(replace)

    def find_session(self, session_id: str) -> TimedSession | None:
        def find(connection: Connection, now: float) -> TimedSession | None:
            return self._find(connection, now, session_id)

        return self._database.read(check_answers_of(find, session_id=session_id))

    def list_live_sessions(self, subject: str) -> Sequence[Session]:
        def list_live(connection: Connection, now: float) -> Sequence[Session]:
            live = select(*FIELDS).where(is_live(subject, now))
            newest_first = connection.execute(live.order_by(sessions.c.created_at.desc()))
            return [to_session(row) for row in newest_first]

        return self._database.read(check_answers_of(list_live, subject=subject))

    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        def end(connection: Connection, now: float) -> Session | None:
            ended = self._end(connection, now, reason, sessions.c.id == session_id)
            return ended[0] if ended else None

        return self._database.write(check_answers_of(end, session_id=session_id))

    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        def end_all(connection: Connection, now: float) -> Sequence[Session]:
            self._record_end_of_all(connection, now, subject)
            # expired sessions too, for the leeway of their last access tokens
            which = (sessions.c.subject == subject) & sessions.c.id.is_distinct_from(keep)
            return self._end(connection, now, reason, which)

        return self._database.write(check_answers_of(end_all, subject=subject), lock=f"subject {subject}")

    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        def record(connection: Connection, now: float) -> None:
            which = sessions.c.id == session_id
            if self._find(connection, now, session_id) is not None:
                later = greatest(sessions.c.access_until, literal(access_until))
                connection.execute(update(sessions).where(which).values(access_until=later))
                self._end(connection, now, reason, which)
                return
            ended = {
                "ended_at": now,
                "end_reason": reason,
                "end_sequence": self._database.take_position(connection),
            }
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

        self._database.write(record, lock=f"session {session_id}")

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        def read(connection: Connection, now: float) -> Feed:
            state = connection.execute(select(store)).one()
            here = f"{state.identity}/{self._database.read_lineage(connection)}"
            complete = self._database.read_complete_position(connection)
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

        return self._database.read(read)

    def record_settings(self, settings: str, *, expected: str) -> bool:
        def record(connection: Connection, _now: float) -> bool:
            is_expected = store.c.settings.in_(
                [expected, settings]
            )  # the new settings too: a repeat succeeds
            statement = update(store).where(is_expected).values(settings=settings)
            return connection.execute(statement).rowcount == 1

        return self._database.write(record)

    # -- inside a transaction ----------------------------------------------------------------------

    def _find(self, connection: Connection, now: float, session_id: str) -> TimedSession | None:
        row = connection.execute(select(*FIELDS).where(sessions.c.id == session_id)).one_or_none()
        return None if row is None else TimedSession(to_session(row), now)

    def _end(
        self, connection: Connection, now: float, reason: EndReason, which: ColumnElement[bool]
    ) -> Sequence[Session]:
        """End the sessions that had not ended, all at the same position in the feed."""
        access_until = greatest(sessions.c.access_until, literal(float(math.floor(now) + END_NOTICE)))
        statement = (
            update(sessions)
            .where(which, sessions.c.ended_at.is_(None))
            .values(
                ended_at=now,
                end_reason=reason,
                end_sequence=self._database.take_position(connection),
                access_until=access_until,
                keep_until=access_until + KEPT,
            )
            .returning(*FIELDS)
        )
        return [to_session(row) for row in connection.execute(statement)]

    def _end_surplus(
        self, connection: Connection, now: float, new: NewSession, max_live: int
    ) -> Sequence[Session]:
        surplus = (
            select(sessions.c.id)
            .where(is_live(new.subject, now), sessions.c.id != new.id)
            .order_by(sessions.c.created_at.desc())
            .offset(max_live - 1)
        )
        oldest = connection.execute(surplus).scalars().all()
        which = sessions.c.id.in_(oldest)
        return self._end(connection, now, "too_many_sessions", which) if oldest else ()

    def _record_end_of_all(self, connection: Connection, now: float, subject: str) -> None:
        """Remember when all sessions of a subject were ended. The caller holds the subject's lock."""
        end = {
            "end_sequence": self._database.take_position(connection),
            "keep_until": now + MARK_LIFETIME,
        }
        again = update(subject_ends).where(subject_ends.c.subject == subject).values(**end)
        if connection.execute(again).rowcount == 0:
            connection.execute(insert(subject_ends).values(subject=subject, **end))

    def _is_overtaken(self, connection: Connection, now: float, subject: str, mark: str) -> bool:
        """Return whether all sessions of the subject were ended after the mark, or the mark is too old."""
        read_at, _, feed_mark = mark.partition(" ")
        if now >= float(read_at) + MARK_LIFETIME:
            return True
        is_later = self._database.is_after(subject_ends.c.end_sequence, feed_mark)
        statement = select(subject_ends.c.subject).where(subject_ends.c.subject == subject, is_later)
        return connection.execute(statement).first() is not None
