"""The record of all ports, and the port for the backends behind them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import msgspec

from watchword.errors import InvalidSettings
from watchword.stores.contract.accounts import AccountStore
from watchword.stores.contract.announcements import Announcements
from watchword.stores.contract.keys import KeyStore
from watchword.stores.contract.one_time import OneTimeStore
from watchword.stores.contract.sessions import SessionStore
from watchword.stores.contract.throttles import ThrottleStore

__all__ = ["Backend", "Stores"]


class Backend(Protocol):
    """A database or another server: it holds the connections of its ports."""

    def now(self) -> float:
        """Return the backend's time. The cheapest proof that the backend answers.

        Raises:
            StoreUnavailable: the backend does not answer.
        """
        ...

    def close(self) -> None:
        """Close every connection. The backend opens new connections when it is used again."""
        ...


class Stores(msgspec.Struct, frozen=True, kw_only=True):
    """Where each kind of state lives.

    Different backends may serve different ports. ``msgspec.structs.replace`` makes another record in which a
    port is served by another backend. A port of ours names its backend in its attribute ``backend``.

    Attributes:
        sessions: sessions, and the feed of their ends.
        keys: signing keys, sealed.
        accounts: usernames and passwords.
        throttles: counters of failed logins.
        one_time: keys that can be spent once.
        announcements: push notifications that sessions have ended. ``None`` if there are none.
        backends: the backends of all ports. The backend of the sessions comes first.
        file: the file on this machine that holds the keys. ``None`` if a server or memory holds them.
        in_memory: whether the keys live in this process's memory, and are gone when it is closed.

    Raises:
        InvalidSettings: there is no backend.
    """

    sessions: SessionStore
    keys: KeyStore
    accounts: AccountStore
    throttles: ThrottleStore
    one_time: OneTimeStore
    announcements: Announcements | None = None
    backends: tuple[Backend, ...]
    file: Path | None = None
    in_memory: bool = False

    def __post_init__(self) -> None:
        if not self.backends:
            raise InvalidSettings(
                "backends must have at least one object with now() and close(): the time of the sessions is "
                "asked of the first"
            )

    def now(self) -> float:
        """Return the time of the sessions' backend, if every backend answers.

        Raises:
            StoreUnavailable: a backend does not answer.
        """
        now, *_ = [backend.now() for backend in self.backends]
        return now

    def has_keys_beside_sessions(self) -> bool:
        """Return whether a poll of the sessions can tell the version of these keys.

        A port of ours tells the version in its own backend, even if the record has the keys of another
        backend. A port without the attribute ``backend`` is the application's own.
        """
        return getattr(self.sessions, "backend", None) is getattr(self.keys, "backend", None)

    def close(self) -> None:
        """Close every connection. The backends open new connections when they are used again.

        If a backend raises, the others are closed nevertheless.
        """
        with ExitStack() as closing:
            for backend in reversed(self.backends):
                closing.callback(backend.close)
            if self.announcements is not None:
                closing.callback(self.announcements.close)
