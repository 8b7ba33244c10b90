"""Sessions, and the feed of their ends."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

__all__ = [
    "MARK_LIFETIME",
    "EndReason",
    "Feed",
    "NewSession",
    "Session",
    "SessionDetails",
    "SessionEnd",
    "SessionStore",
    "SessionTimes",
    "TimedSession",
    "find_shard",
    "is_session_id",
    "make_session_id",
]

EndReason: TypeAlias = Literal[
    "logout", "logout_all", "refresh_reused", "too_many_sessions", "password_changed", "account_disabled",
    "account_deleted", "account_changed", "subject_refused", "login_failed",
]  # fmt: skip

MARK_LIFETIME = 600
"""Seconds that a login may take at most, from the mark to the start of its session."""


_SESSION_ID = re.compile(r"[\w-]{22}[0-9a-f]", re.ASCII)


def make_session_id(subject: str) -> str:
    """An id for a session of that subject: random, and :func:`find_shard` the subject at its end.

    So a store that spreads its sessions can keep those of one subject together, and finds them by either.
    """
    return secrets.token_urlsafe(16) + find_shard(subject)


def is_session_id(text: str) -> bool:
    """Return whether :func:`make_session_id` can have made this."""
    return _SESSION_ID.fullmatch(text) is not None


def find_shard(subject: str) -> str:
    """One of sixteen places, as a hexadecimal digit: always the same for one subject."""
    return hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[-1]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One login that goes on until it is ended or expires: one row, all the state there is.

    Attributes:
        id: random, unguessable, never reused; made by :func:`make_session_id`.
        subject: whose session it is; an opaque string.
        username: what to call the subject, as of the last login or swap.
        scopes: what the subject was granted, as of the last login or swap.
        generation: grows by one at each swap; refresh tokens carry it.
        created_at: when it started.
        authenticated_at: when the subject last proved who they are.
        refreshed_at: time of the last swap, ``None`` before the first.
        access_until: no access token of this session is valid after it. It never moves back.
        expires_at: the session is over then unless refreshed before. It lies past the absolute end only if
            ``access_until`` does.
        ended_at: when it was ended, ``None`` while it lives.
        end_reason: why it was ended.
        user_agent: of the last login or swap.
        ip_address: of the last login or swap.
        audience: the ``aud`` of its access tokens. It is ``None`` in a session from before version 4 of the
            schema, until its next swap. The same holds for the two fields that follow.
        client_id: the client that its refresh tokens are for.
        credentials_version: the version of the account that the subject logged in with. ``None`` if the
            subject is not an account of ours.
        amr: the methods that proved the subject's identity, by their names in RFC 8176. Set at the start. The
            same holds for the two fields that follow. A session from before version 5 of the schema has the
            default of each.
        claims: further claims for the access tokens of the session: a JSON object.
        lifetime: seconds from ``created_at`` to the absolute end. ``None`` for ``times.absolute``.
    """

    id: str
    subject: str
    username: str
    scopes: tuple[str, ...]
    generation: int
    created_at: float
    authenticated_at: float
    refreshed_at: float | None
    access_until: float
    expires_at: float
    ended_at: float | None = None
    end_reason: str | None = None
    user_agent: str | None = None
    ip_address: str | None = None
    audience: str | None = None
    client_id: str | None = None
    credentials_version: int | None = None
    amr: tuple[str, ...] = ()
    claims: Mapping[str, Any] = {}
    lifetime: int | None = None


class SessionDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a swap says of a session. :class:`Session` explains the fields."""

    username: str
    scopes: tuple[str, ...]
    user_agent: str | None = None
    ip_address: str | None = None
    audience: str | None = None
    client_id: str | None = None
    credentials_version: int | None = None


class NewSession(SessionDetails, frozen=True, kw_only=True):
    """What the caller knows of a session before the store has given it its times.

    :class:`Session` explains the fields. A swap never changes those that are not of :class:`SessionDetails`.
    """

    id: str
    subject: str
    amr: tuple[str, ...] = ()
    claims: Mapping[str, Any] = {}
    lifetime: int | None = None


class SessionTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The lifetimes that a store applies to its own time, in seconds.

    Attributes:
        access: how long an access token is good.
        idle: how long a session lives without a refresh.
        absolute: how long a session without a ``lifetime`` of its own lives at most.
        window: a session swaps at most once in this time.
    """

    access: int
    idle: int
    absolute: int
    window: int


class TimedSession(msgspec.Struct, frozen=True):
    """A session and the store's time at which it was read or written."""

    session: Session
    now: float


class SessionEnd(msgspec.Struct, frozen=True):
    """A session that ended, and until when tokens of it could still be about."""

    session_id: str
    access_until: float


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a poll: what ended since a position, and what travels with it.

    An end is never taken back, so a caller adds these to what it knew: also after a store was rolled back
    and has forgotten some.

    Attributes:
        now: the store's time.
        identity: changes when the store is another one than before (restored, failed over).
        position: where the next poll goes on; opaque, in commit order, never a time.
        key_version: changes when the set of stored keys did. ``None`` if another store has the keys: the
            caller then asks that store after each poll.
        ends: the sessions that ended.
        settings: what :meth:`SessionStore.record_settings` recorded; empty where nothing is.
    """

    now: float
    identity: str
    position: int
    key_version: int | None
    ends: tuple[SessionEnd, ...]
    settings: str = ""


class SessionStore(Protocol):
    """Sessions and the feed of their ends."""

    def read_mark(self) -> str:
        """Return an opaque mark of the present moment, for :meth:`start_session`.

        Read it before a subject proves who they are. The mark is good for :data:`MARK_LIFETIME` seconds.
        """
        ...

    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        """Insert a session at generation 1 and end the subject's oldest over ``max_live``.

        A ``lifetime`` of the session takes the place of ``times.absolute``, here and at each swap.

        Returns the session, and those that were ended for it with ``too_many_sessions``. A repeat with
        the same id returns the row that is there.

        Returns ``None`` and changes nothing if an :meth:`end_sessions` of the subject committed after
        ``mark`` was read, whether or not it found a session, or if the mark is too old. So what ends all
        sessions of a subject wins over each login that began before it. Both are one atomic step: either
        ``end_sessions`` ends the new session, or the session does not start. An ``end_sessions`` that is
        not acknowledged when the mark is read may count as later.
        """
        ...

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        """The compare-and-swap behind a refresh; the row after it, or ``None`` where nothing was swapped.

        Swaps if the session is live, its generation is at most ``generation``, and its last swap is at
        least ``times.window`` old (or there was none): sets the generation to ``generation + 1``, and
        ``refreshed_at``, ``access_until`` and ``expires_at`` from the store's time. Of any number of
        callers with the same generation exactly one swaps. A swap on an ended or expired session, or on
        an unknown id, changes nothing.

        ``access_until`` never moves back, whatever the times or the clock, because an access token that
        was issued before may last until then. ``expires_at`` is never before it.

        Of the details, those of the client, ``username`` and ``scopes`` take the place of what is there.
        ``audience``, ``client_id`` and ``credentials_version`` are set only where there is none. ``amr``,
        ``claims`` and ``lifetime`` stay as they were set at the start.
        """
        ...

    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        """Raise a live session's ``credentials_version`` to at least this; whether there is such a session.

        A session that has no version gets this one. A session of another subject is left alone.
        """
        ...

    def find_session(self, session_id: str) -> TimedSession | None:
        """The session, ended or not, with the store's time; ``None`` if there is none."""
        ...

    def list_live_sessions(self, subject: str) -> Sequence[Session]:
        """The subject's sessions that are neither ended nor expired, newest first."""
        ...

    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        """End one session; the ended row, or ``None`` if it was unknown or had ended before.

        The end has committed, and is in the feed, when this returns. The first reason stays.
        """
        ...

    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        """End all of a subject's sessions except ``keep``; returns those that this call ended.

        No login of the subject whose mark was read before starts a session afterwards, see
        :meth:`start_session`.
        """
        ...

    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        """Put the end of a session that the store does not know into the feed.

        A store that was rolled back has forgotten sessions whose tokens are still good. A known session
        ends as by :meth:`end_session`, and its ``access_until`` does not move back. A repeat changes nothing.
        """
        ...

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        """What ended since ``position``, as one consistent read.

        With no position, another identity, or a position that the store has not reached (it was rolled
        back), answers with every end still in force: one whose ``access_until`` lies less than ``grace``
        seconds back. An end is never missed, however late its transaction commits; one that was told may be
        told again, if others were under way then.
        """
        ...

    def record_settings(self, settings: str, *, expected: str) -> bool:
        """Record the nodes' settings, only if ``expected`` is recorded now; whether it was done.

        A repeat with the same settings is told that it was done. The text means nothing to the store. Each
        poll brings it.
        """
        ...
