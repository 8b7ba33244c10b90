"""Security events as typed records, and the port through which they leave.

A record says what happened, to whom, from where. It never holds a token or a password. Usernames of failed
logins are not recorded either: people type passwords into the wrong field.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, Literal, Protocol

import msgspec

__all__ = [
    "AccountCreated",
    "AccountDeleted",
    "AccountDisabled",
    "AccountEnabled",
    "AccountRenamed",
    "Act",
    "Event",
    "KeyAdvanced",
    "KeyCompromised",
    "KeyCreated",
    "KeyDeclaredCompromised",
    "KeyDeleted",
    "KeyFetchFailed",
    "KeyImported",
    "KeysFetched",
    "KeysResealed",
    "Listener",
    "LoginFailed",
    "LoginSucceeded",
    "LoginThrottled",
    "PasswordChanged",
    "RefreshReplayed",
    "RefreshReplayedElsewhere",
    "RefreshReused",
    "ScopesChanged",
    "SessionRefreshed",
    "SessionTerminated",
    "SessionsEnded",
    "SettingsDiffer",
    "TokenRedeemed",
    "TokenReplayed",
    "acting_as",
    "add_actor_source",
    "current_actor",
    "find_actor",
    "log_event",
    "to_json",
]

logger = logging.getLogger("watchword.security")

current_actor: ContextVar[str | None] = ContextVar("watchword_actor", default=None)

_actor_sources: list[Callable[[], str | None]] = []


def add_actor_source(source: Callable[[], str | None]) -> None:
    """Ask this function for the actor of each act that names none. Meant for adapters of web frameworks."""
    _actor_sources.append(source)


def find_actor() -> str | None:
    """Return the actor that :func:`acting_as` named, or else the subject of the running request."""
    if (actor := current_actor.get()) is not None:
        return actor
    return next((actor for source in _actor_sources if (actor := source()) is not None), None)


@contextmanager
def acting_as(actor: str | None) -> Iterator[None]:
    """Record this actor in the events of every act inside the ``with`` block."""
    token = current_actor.set(actor)
    try:
        yield
    finally:
        current_actor.reset(token)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event has.

    Attributes:
        name: stable name of the kind of event.
        subject: whom it is about, where that is known.
        session: the session's id, where there is one.
        address: the client's address, where there is a client.
    """

    name: ClassVar[str] = "event"
    level: ClassVar[int] = logging.INFO

    subject: str | None = None
    session: str | None = None
    address: str | None = None


class Act(Event, frozen=True, kw_only=True):
    """An event that records who acted.

    Attributes:
        actor: the subject of the running request, ``cli:<system user>`` for a command, or what the caller
            gave as ``actor=``. ``None`` if nothing of that kind is known.
    """

    actor: str | None = None

    def __post_init__(self) -> None:
        if self.actor is None:
            msgspec.structs.force_setattr(self, "actor", find_actor())


class LoginSucceeded(Event, frozen=True, kw_only=True):
    """A session started.

    Attributes:
        seconds: how long that took; the check of the password, where there was one, included.
    """

    name = "login"

    seconds: float | None = None


class LoginFailed(Event, frozen=True, kw_only=True):
    """Unknown user, wrong password or disabled account.

    Attributes:
        seconds: how long it took to find out.
    """

    name = "login_failed"
    level = logging.WARNING

    seconds: float | None = None


class LoginThrottled(Event, frozen=True, kw_only=True):
    """A login was refused unchecked.

    Attributes:
        retry_after: seconds until a try is looked at again.
    """

    name = "login_throttled"
    level = logging.WARNING

    retry_after: float


class SessionRefreshed(Event, frozen=True, kw_only=True):
    """A refresh swapped the session to its next generation.

    Attributes:
        seconds: how long that took, from the token to the swap.
    """

    name = "refresh"

    seconds: float | None = None


class RefreshReplayed(Event, frozen=True, kw_only=True):
    """A refresh inside the window of the last swap: two tabs, a lost response, or a thief.

    Attributes:
        swapped_by: the address that made the swap.
        seconds: how long the refresh took.
    """

    name = "refresh_replayed"

    swapped_by: str | None = None
    seconds: float | None = None


class RefreshReplayedElsewhere(Event, frozen=True, kw_only=True):
    """A refresh inside the window of the last swap, by another client than the swap's.

    A device that changes its network within the window causes it, and so does a thief.

    Attributes:
        swapped_by: the address that made the swap.
        differs: what differs from the client that made the swap: ``network``, ``user_agent`` or both.
        seconds: how long the refresh took.
    """

    name = "refresh_replayed_elsewhere"
    level = logging.WARNING

    swapped_by: str | None = None
    differs: tuple[str, ...] = ()
    seconds: float | None = None


class RefreshReused(Event, frozen=True, kw_only=True):
    """An old refresh token came back after its window: the session was ended.

    Attributes:
        seen: ``recent_predecessor`` is the generation before the session's own, which a client that missed an
            answer may still have; ``old_lineage`` is any before that, which only a copy can be.
        swapped_by: the address that made the last swap.
    """

    name = "refresh_reused"
    level = logging.WARNING

    seen: Literal["recent_predecessor", "old_lineage"]
    swapped_by: str | None = None


class SessionTerminated(Act, frozen=True, kw_only=True):
    """A session ended.

    Attributes:
        reason: why, one of :data:`watchword.stores.contract.EndReason`.
    """

    name = "session_ended"

    reason: str


class SessionsEnded(Act, frozen=True, kw_only=True):
    """All sessions of a subject were ended on request. Each live session also has its own event."""

    name = "sessions_ended"


class SettingsDiffer(Event, frozen=True, kw_only=True):
    """A setting of this node differs from what the node that started last has recorded in the store.

    Attributes:
        setting: its name.
        here: its value in this node.
        recorded: the recorded value.
    """

    name = "settings_differ"
    level = logging.WARNING

    setting: str
    here: int
    recorded: int


class TokenRedeemed(Event, frozen=True, kw_only=True):
    """A token that works once was used.

    Attributes:
        purpose: what it was issued for.
    """

    name = "token_redeemed"

    purpose: str


class TokenReplayed(Event, frozen=True, kw_only=True):
    """A token that works once came back, and was refused.

    Attributes:
        issuer: whose token it is, where it says so.
        purpose: what it was issued for, where it is one of ours.
    """

    name = "token_replayed"
    level = logging.WARNING

    issuer: str | None = None
    purpose: str | None = None


class AccountCreated(Act, frozen=True, kw_only=True):
    """An account was made."""

    name = "account_created"


class AccountDeleted(Act, frozen=True, kw_only=True):
    """An account was deleted."""

    name = "account_deleted"


class AccountDisabled(Act, frozen=True, kw_only=True):
    """An account was disabled."""

    name = "account_disabled"


class AccountEnabled(Act, frozen=True, kw_only=True):
    """An account was enabled."""

    name = "account_enabled"


class AccountRenamed(Act, frozen=True, kw_only=True):
    """An account got another username."""

    name = "account_renamed"


class PasswordChanged(Act, frozen=True, kw_only=True):
    """An account got another password."""

    name = "password_changed"


class ScopesChanged(Act, frozen=True, kw_only=True):
    """An account got other scopes.

    Attributes:
        scopes: the new scopes.
    """

    name = "scopes_changed"

    scopes: tuple[str, ...]


class KeyCreated(Event, frozen=True, kw_only=True):
    """A signing key was made.

    Attributes:
        kid: its id.
        kind: ``public`` or ``internal``.
    """

    name = "key_created"

    kid: str
    kind: str


class KeysFetched(Event, frozen=True, kw_only=True):
    """Keys of somebody else's came: the first ones, others than before, or any after a failure.

    Attributes:
        source: the URL that the application gave: of the key set, or of the issuer.
        keys: how many of them can be used.
        skipped: how many are not trusted.
    """

    name = "keys_fetched"

    source: str
    keys: int
    skipped: int = 0


class KeyFetchFailed(Event, frozen=True, kw_only=True):
    """Keys of somebody else's could not be had; those that were fetched before stay in use for a day.

    Attributes:
        source: as in :class:`KeysFetched`.
        reason: why, for people.
    """

    name = "key_fetch_failed"
    level = logging.WARNING

    source: str
    reason: str


class KeyCompromised(Event, frozen=True, kw_only=True):
    """This process stopped using a signing key that was declared compromised.

    Attributes:
        kid: its id.
        kind: ``public`` or ``internal``.
    """

    name = "key_compromised"
    level = logging.WARNING

    kid: str
    kind: str


class KeyDeclaredCompromised(Act, frozen=True, kw_only=True):
    """A signing key was declared compromised. Each process that stops using it has :class:`KeyCompromised`.

    Attributes:
        kid: its id.
        kind: ``public`` or ``internal``.
    """

    name = "key_declared_compromised"
    level = logging.WARNING

    kid: str
    kind: str


class KeyAdvanced(Act, frozen=True, kw_only=True):
    """The next signing key was told to sign before its time.

    Attributes:
        kid: its id.
        kind: ``public`` or ``internal``.
    """

    name = "key_advanced"

    kid: str
    kind: str


class KeyImported(Act, frozen=True, kw_only=True):
    """A signing key that was made elsewhere was added.

    Attributes:
        kid: its id.
        kind: ``public`` or ``internal``.
    """

    name = "key_imported"

    kid: str
    kind: str


class KeyDeleted(Event, frozen=True, kw_only=True):
    """A signing key that no session needs any more was deleted.

    Attributes:
        kid: its id.
        kind: ``public`` or ``internal``.
    """

    name = "key_deleted"

    kid: str
    kind: str


class KeysResealed(Act, frozen=True, kw_only=True):
    """All keys were sealed with the newest secret.

    Attributes:
        keys: how many keys there are.
    """

    name = "keys_resealed"

    keys: int


class Listener(Protocol):
    """Receives every event, on the thread that caused it, so it should be quick.

    What it raises is logged, and stops neither what happened nor the listeners after it.
    """

    def __call__(self, event: Event, /) -> None:
        """Take note of the event."""
        ...


def log_event(event: Event) -> None:
    """Log an event as one line of JSON to the ``watchword.security`` logger. The default listener."""
    if logger.isEnabledFor(event.level):
        logger.log(event.level, "%s", to_json(event))


def to_json(event: Event) -> str:
    """Convert an event to one line of JSON without the fields that are not known."""
    # the standard library's writer escapes all but ASCII: whatever a name holds, it is one line of text
    return json.dumps({"event": event.name, **msgspec.to_builtins(event)})
