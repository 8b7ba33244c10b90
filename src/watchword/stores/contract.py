"""What a store keeps, and what each of its operations promises.

Read this before writing a store of your own. Three rules hold for every operation:

* **The store's clock counts.** No operation takes the caller's time for a fact; each reads the store's
  own time inside the statement or transaction that writes, and hands it back where the caller needs it.
* **Each operation may be repeated once** after a connection was lost in its middle, so doing it twice is
  the same as doing it once, or the second attempt can tell that the first took effect.
* **Nothing but** :class:`~watchword.errors.StoreUnavailable` is raised when the store does not answer.

Times are seconds since the epoch, as floats; durations are seconds.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from watchword.arguments import describe
from watchword.errors import InvalidSettings

__all__ = [
    "MARK_LIFETIME",
    "Account",
    "AccountStore",
    "Announcements",
    "Charge",
    "EndReason",
    "Feed",
    "KeyKind",
    "KeyStore",
    "NewSession",
    "OneTimeStore",
    "SealedKey",
    "Session",
    "SessionDetails",
    "SessionEnd",
    "SessionStore",
    "SessionTimes",
    "Store",
    "StoredKeys",
    "ThrottleStore",
    "TimedSession",
    "checked_scopes",
    "is_session_id",
    "new_session_id",
    "shard_of",
]

EndReason: TypeAlias = Literal[
    "logout", "logout_all", "refresh_reused", "too_many_sessions", "password_changed", "account_disabled",
    "account_deleted", "account_changed", "subject_refused", "login_failed",
]  # fmt: skip
KeyKind: TypeAlias = Literal["public", "internal"]

MARK_LIFETIME = 600
"""Seconds that a login may take at most, from the mark to the start of its session."""

_SESSION_ID = re.compile(r"[\w-]{22}[0-9a-f]", re.ASCII)
# RFC 6749 §3.3; a store may keep several of them in one text, between spaces
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def checked_scopes(scopes: str | Iterable[str]) -> tuple[str, ...]:
    """Return scopes as a tuple, if each is of the form that RFC 6749 §3.3 gives it.

    Args:
        scopes: each scope, or one text with spaces between them.

    Raises:
        InvalidSettings: one of them is of another form.
    """
    several = scopes.split() if isinstance(scopes, str) else scopes
    if not isinstance(several, Iterable) or isinstance(several, bytes | Mapping):
        raise InvalidSettings(f"{_SCOPES_NEEDED}, not {describe(scopes)}")
    checked = tuple(several)
    for scope in checked:
        if not isinstance(scope, str) or not _SCOPE_TOKEN.fullmatch(scope):
            raise InvalidSettings(f"{_SCOPES_NEEDED}, not {scope!a:.60}")
    return checked


_SCOPES_NEEDED = (
    'scopes must be names such as ["reports:read"], of printable ASCII without space, quote and backslash'
)


# -- sessions ------------------------------------------------------------------------------------


def new_session_id(subject: str) -> str:
    """An id for a session of that subject: random, and :func:`shard_of` the subject at its end.

    So a store that spreads its sessions can keep those of one subject together, and finds them by either.
    """
    return secrets.token_urlsafe(16) + shard_of(subject)


def is_session_id(text: str) -> bool:
    """Return whether :func:`new_session_id` can have made this."""
    return _SESSION_ID.fullmatch(text) is not None


def shard_of(subject: str) -> str:
    """One of sixteen places, as a hexadecimal digit: always the same for one subject."""
    return hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[-1]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One login that goes on until it is ended or expires: one row, all the state there is.

    Attributes:
        id: random, unguessable, never reused; made by :func:`new_session_id`.
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
    """What the caller knows of a session before the store has given it its times."""

    id: str
    subject: str


class SessionTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The lifetimes that a store applies to its own time, in seconds.

    Attributes:
        access: how long an access token is good.
        idle: how long a session lives without a refresh.
        absolute: how long a session lives at most.
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
        key_version: changes when the set of stored keys did.
        ends: the sessions that ended.
        settings: what :meth:`SessionStore.record_settings` recorded; empty where nothing is.
    """

    now: float
    identity: str
    position: int
    key_version: int
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
        ``audience``, ``client_id`` and ``credentials_version`` are set only where there is none.
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

    def live_sessions(self, subject: str) -> Sequence[Session]:
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


class Announcements(Protocol):
    """Word that sessions have ended, which comes sooner than the next poll.

    Nobody relies on it: it says nothing but that there is news, may come for nothing, and may be lost. So
    nothing is ever raised here, and whoever waits polls again when the time is over.
    """

    def announce(self) -> None:
        """Tell all that wait, in every process; called when an end has committed."""
        ...

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Return when something was announced since the last call, when that time is over, or when it stops.

        What is announced between two calls may not be lost, unless the connection is. One thread calls this.
        """
        ...

    def close(self) -> None:
        """Give back the connection; the next call of :meth:`wait` makes another one."""
        ...


# -- keys ----------------------------------------------------------------------------------------


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key at rest.

    Attributes:
        kind: ``public`` keys sign what others verify, ``internal`` ones what only we do.
        epoch: counts a kind's keys from 1; unique with the kind.
        kid: the key's id.
        alg: the key's algorithm.
        sealed: the private JWK as a JWE.
        created_at: the store's time of the insert.
        signs_from: the store's time from which it may sign.
        compromised_at: when it was declared compromised; ``None`` if it was not.
    """

    kind: KeyKind
    epoch: int
    kid: str
    alg: str
    sealed: str
    created_at: float
    signs_from: float
    compromised_at: float | None = None


class StoredKeys(msgspec.Struct, frozen=True):
    """All keys as of one moment.

    Attributes:
        version: changes whenever they do.
        now: the store's time.
        keys: oldest first.
    """

    version: int
    now: float
    keys: tuple[SealedKey, ...]


class KeyStore(Protocol):
    """Signing keys, sealed. Each operation that changes something changes the key version."""

    def keys(self) -> StoredKeys:
        """All keys, as one consistent read."""
        ...

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        """Insert a key that signs from ``not_before``, or ``lead`` seconds from now if that is later.

        Whether this call did: not if the kind has a key of that epoch or a later one, or any key has that
        ``kid``. A repeat with the same ``kid`` and epoch after a lost connection is told that it won.
        """
        ...

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        """Let a key sign as soon as it has been there for ``lead`` seconds; the key after it.

        Nothing is changed if it signs from then or earlier. ``None`` if there is no such key or it is
        compromised.
        """
        ...

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        """Declare a key compromised and let ``successor`` sign from now, in one step; whether that was done.

        Not if there is no such key. Not either if no key of its kind would be left to sign: the successor is
        not there or compromised or, where none is named, no other key of the kind may sign already. A key
        that was compromised before stays so from then.
        """
        ...

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        """Delete keys, some of which may be gone already. Return the ids of the keys deleted here."""
        ...

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        """Put new seals in the place of old ones, all or none; whether this call did.

        ``sealed`` has the new seal by the old. Not if one of the old is not there any more.
        """
        ...


# -- accounts ------------------------------------------------------------------------------------


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A username with a password.

    Attributes:
        subject: random, never reused.
        username: as it was typed, NFKC-normalized.
        name_key: the case-folded form under which it is unique.
        password_hash: argon2id, in PHC form; never shown.
        scopes: what a login is granted.
        disabled: a disabled account cannot log in.
        credentials_version: grows with each change that must end the sessions before it.
        created_at: when it was made.
    """

    subject: str
    username: str
    name_key: str
    password_hash: str
    scopes: tuple[str, ...]
    disabled: bool
    credentials_version: int
    created_at: float

    def __repr__(self) -> str:
        return f"Account(subject={self.subject!r}, username={self.username!r}, disabled={self.disabled!r})"


class AccountStore(Protocol):
    """Accounts. SQL only: Redis is for what may be rebuilt."""

    def insert_account(
        self, *, subject: str, username: str, name_key: str, password_hash: str, scopes: tuple[str, ...]
    ) -> Account | None:
        """Insert an account; ``None`` if the name is taken. A repeat with one subject returns the row."""
        ...

    def find_account(self, *, name_key: str | None = None, subject: str | None = None) -> Account | None:
        """The account of that name or that subject (give exactly one)."""
        ...

    def accounts(self) -> Sequence[Account]:
        """All accounts, by name."""
        ...

    def set_password(self, subject: str, password_hash: str, *, version: int) -> bool:
        """Set a new password and raise ``credentials_version``, only if it is still ``version``.

        A repeat with the same hash after a lost connection is told that it was done.
        """
        ...

    def set_scopes(self, subject: str, scopes: tuple[str, ...]) -> bool:
        """Set the scopes; whether there is such an account. Keeps the version."""
        ...

    def rename_account(self, subject: str, username: str, name_key: str) -> bool:
        """Give an account another name; whether it has it now. Keeps the version.

        Not if another account has that name, or if there is no such account.
        """
        ...

    def replace_hash(self, subject: str, old: str, new: str) -> bool:
        """Swap the same password's hash for a better one, only if it is still ``old``; keeps the version."""
        ...

    def set_disabled(self, subject: str, disabled: bool) -> bool:
        """Disable or enable, and raise ``credentials_version``; whether there is such an account."""
        ...

    def delete_account(self, subject: str) -> bool:
        """Delete the account; whether it was there. Its sessions and their ends stay until they expire."""
        ...


# -- throttles -----------------------------------------------------------------------------------


class Charge(NamedTuple):
    """The answer to :meth:`ThrottleStore.charge`.

    Attributes:
        wait: 0.0 if the attempt was charged and may go on, else the seconds to wait.
        attempts: the attempts charged under the key, this attempt included if it may go on.
    """

    wait: float
    attempts: int


class ThrottleStore(Protocol):
    """Counters of failed logins under opaque keys, in a table of their own that purges itself."""

    def charge(self, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
        """Charge one attempt before it is checked, or say how long to wait.

        One atomic step. While a delay runs nothing is charged and nothing is lengthened. Otherwise the
        count rises, and from ``free`` attempts on the next delay is 1, 2, 4, ... seconds, at most
        ``max_delay``. A count that nobody touched for ``forget_after`` seconds starts again.
        """
        ...

    def refund(self, key: str) -> None:
        """Take one charge back: the attempt got no verdict, or was good. A delay that runs ends.

        The count falls by one, and never below zero. The charges of other attempts stay. If the operation is
        repeated after a lost connection, it may take two charges back.
        """
        ...

    def clear_charges(self, key: str) -> None:
        """Forget the attempts under that key: the login was good."""
        ...

    def remember(self, key: str, *, lifetime: float) -> None:
        """Remember that key for ``lifetime`` seconds from now."""
        ...

    def remembers(self, key: str) -> bool:
        """Whether that key is remembered."""
        ...


# -- once-only -----------------------------------------------------------------------------------


class OneTimeStore(Protocol):
    """Keys that can be spent once: the ids of tokens that work once."""

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        """Spend a key; whether it is this attempt that did.

        Of any number of attempts exactly one spends the key, and a repeat of that one is told so again. A
        spent key is remembered until ``keep_until`` at least, the store's time from which nobody can come
        with its token any more; from then on nothing can be spent under it.
        """
        ...


class Store(SessionStore, KeyStore, AccountStore, ThrottleStore, OneTimeStore, Protocol):
    """All of it in one place, as the SQL store has it."""

    @property
    def file(self) -> Path | None:
        """The one file on this machine that the store is, if it is one."""
        ...

    @property
    def in_memory(self) -> bool:
        """Whether it lives in this process's memory, and is gone when closed."""
        ...

    @property
    def announcements(self) -> Announcements | None:
        """Word of ended sessions between two polls; ``None`` where there is no such thing."""
        return None

    def now(self) -> float:
        """The store's time; also the cheapest proof that it answers."""
        ...

    def close(self) -> None:
        """Give back every connection. The store opens new ones when used again."""
        ...
