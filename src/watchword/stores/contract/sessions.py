"""The port for sessions, and for the feed of their ends."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

__all__ = [
    "END_NOTICE",
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
"""Seconds that a login may take at most, from its mark to the start of its session."""

END_NOTICE = 300
"""Seconds for which the feed has an end at least, however long ago the last access token expired.

A WebSocket may be open for longer than the access token that opened it, and has to hear of the end.
"""


_SESSION_ID = re.compile(r"[\w-]{22}[0-9a-f]", re.ASCII)


def make_session_id(subject: str) -> str:
    """Return a random id for a session of a subject. Its last character is :func:`find_shard` of the subject.

    A store that spreads its sessions can so keep the sessions of a subject together. It finds the shard by
    the id and by the subject.
    """
    return secrets.token_urlsafe(16) + find_shard(subject)


def is_session_id(text: str) -> bool:
    """Return whether :func:`make_session_id` can have made a text."""
    return _SESSION_ID.fullmatch(text) is not None


def find_shard(subject: str) -> str:
    """Return the shard of a subject: a hexadecimal digit that is always the same for the subject."""
    return hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[-1]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login that lasts until the session is ended or expires. A single row holds all of its state.

    Attributes:
        id: random, unguessable and never reused. :func:`make_session_id` makes it.
        subject: the owner of the session, an opaque string.
        username: the subject's name, as of the last login or swap.
        scopes: what the subject was granted, as of the last login or swap.
        generation: grows by one at each swap. Refresh tokens carry it.
        created_at: when the session started.
        authenticated_at: when the subject last proved their identity.
        refreshed_at: time of the last swap. ``None`` before the first swap.
        access_until: no access token of this session is valid after this time. It never moves back. The end
            of the session moves it on to :data:`END_NOTICE` seconds from then at least.
        expires_at: when the session expires unless it is refreshed before. It is later than the absolute end
            only if ``access_until`` is.
        ended_at: when the session was ended. ``None`` if it was not.
        end_reason: why it was ended.
        user_agent: the client of the last login or swap.
        ip_address: the client's address at the last login or swap.
        audience: the ``aud`` of the session's access tokens. A session from before version 4 of the schema
            has ``None`` until its next swap. The same holds for the two fields that follow.
        client_id: the client that the session's refresh tokens are for.
        credentials_version: the version of the subject's credentials at the login. ``None`` if they have no
            version.
        amr: the methods that proved the subject's identity, by their names in RFC 8176. Set at the start. The
            same holds for the two fields that follow. A session from before version 5 of the schema has the
            default of each.
        claims: further claims for the access tokens of the session, a JSON object.
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
    """The fields that a login or a swap sets. :class:`Session` explains them."""

    username: str
    scopes: tuple[str, ...]
    user_agent: str | None = None
    ip_address: str | None = None
    audience: str | None = None
    client_id: str | None = None
    credentials_version: int | None = None


class NewSession(SessionDetails, frozen=True, kw_only=True):
    """A session before the store gives it its times.

    :class:`Session` explains the fields. A swap changes the fields of :class:`SessionDetails` only.
    """

    id: str
    subject: str
    amr: tuple[str, ...] = ()
    claims: Mapping[str, Any] = {}
    lifetime: int | None = None


class SessionTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The lifetimes that a store adds to its own time, in seconds.

    Attributes:
        access: lifetime of an access token.
        idle: lifetime of a session without a refresh.
        absolute: longest lifetime of a session that has no ``lifetime`` of its own.
        window: a session swaps at most once in this time.
    """

    access: int
    idle: int
    absolute: int
    window: int


class TimedSession(msgspec.Struct, frozen=True):
    """A session, and the store's time when it was read or written."""

    session: Session
    now: float


class SessionEnd(msgspec.Struct, frozen=True):
    """A session that ended, and the time until which its access tokens could be valid."""

    session_id: str
    access_until: float


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a poll: the sessions that ended since a position, and the state that all processes share.

    No end is ever revoked. So a caller adds the ends to the ends that it knows, even if a store was rolled
    back and has forgotten some.

    Attributes:
        now: the store's time.
        identity: changes when the store is replaced (by a restored backup, or by a promoted replica).
        position: where the next poll continues. It is opaque and follows the order of commits.
        key_version: changes when the set of stored keys did. ``None`` if another store has the keys: the
            caller then asks that store after each poll.
        ends: the sessions that ended.
        settings: what :meth:`SessionStore.record_settings` recorded. Empty if nothing was recorded.
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

        Read the mark before a subject proves their identity. It is valid for :data:`MARK_LIFETIME` seconds.
        """
        ...

    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        """Insert a session at generation 1. End the subject's oldest sessions if it has over ``max_live``.

        A ``lifetime`` of the session takes the place of ``times.absolute``, here and at each swap.

        Returns the session, and the sessions that were ended for it with ``too_many_sessions``. A repeat with
        the same id returns the existing row.

        Returns ``None`` and changes nothing if the mark is too old. The same happens if an
        :meth:`end_sessions` of the subject committed after ``mark`` was read, whether or not it found a
        session. So an end of all sessions wins over each login that began before it. Both are atomic: either
        ``end_sessions`` ends the new session, or the session does not start. An ``end_sessions`` that is
        not acknowledged when the mark is read may count as later.
        """
        ...

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        """Swap a session to its next generation. Return the new row, or ``None`` if nothing was swapped.

        This is the compare-and-swap behind a refresh. It swaps if the session is live, its generation is at
        most ``generation``, and it has not swapped within ``times.window``. It sets the generation to
        ``generation + 1``, and ``refreshed_at``, ``access_until`` and ``expires_at`` from the store's time.
        Exactly one of any number of callers with the same generation swaps. A swap of an ended, expired or
        unknown session changes nothing.

        ``access_until`` never moves back, whatever the times or the clock, because an access token that
        was issued before may last until then. ``expires_at`` is never before ``access_until``.

        ``username``, ``scopes``, ``user_agent`` and ``ip_address`` replace the values of the row.
        ``audience``, ``client_id`` and ``credentials_version`` are set only if the row has none. ``amr``,
        ``claims`` and ``lifetime`` stay as they were set at the start.
        """
        ...

    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        """Raise a live session's ``credentials_version`` to at least this version.

        A session without a version gets this version. Returns whether the subject has such a live session.
        """
        ...

    def replace_version(self, subject: str, before: int, after: int) -> None:
        """Set ``credentials_version`` to ``after`` in the subject's live sessions that have ``before``."""
        ...

    def find_session(self, session_id: str) -> TimedSession | None:
        """Return a session, ended or not, with the store's time. ``None`` if it is unknown."""
        ...

    def list_live_sessions(self, subject: str) -> Sequence[Session]:
        """Return the subject's sessions that are neither ended nor expired, newest first."""
        ...

    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        """End a session. Return the ended row, or ``None`` if it was unknown or had ended before.

        When this returns, the end has committed and is in the feed. The first reason stays. ``access_until``
        becomes at least :data:`END_NOTICE` seconds from now.
        """
        ...

    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        """End all sessions of a subject except ``keep``. Return the sessions that this call ended.

        Each ends as by :meth:`end_session`, also a session that has expired.
        A login whose mark was read before starts no session afterwards, see :meth:`start_session`.
        """
        ...

    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        """Add the end of a session to the feed, even if the store does not know the session.

        A store that was rolled back has forgotten sessions whose tokens are still valid. A known session
        ends as by :meth:`end_session`, and its ``access_until`` does not move back. A repeat changes nothing.
        """
        ...

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        """Return the ends since ``position``, as a single consistent read.

        Returns every end in force if there is no position, if the identity is another, or if the store has
        not reached the position (because it was rolled back). An end is in force until ``grace`` seconds
        after its ``access_until``. No end is ever missed, however late its transaction commits. An end may
        be returned twice.
        """
        ...

    def record_settings(self, settings: str, *, expected: str) -> bool:
        """Record the nodes' settings if ``expected`` is recorded now. Return whether they are recorded.

        The text means nothing to the store. Each poll returns it.
        """
        ...
