"""All ports of a store together."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from watchword.stores.contract.accounts import AccountStore
from watchword.stores.contract.announcements import Announcements
from watchword.stores.contract.keys import KeyStore
from watchword.stores.contract.one_time import OneTimeStore
from watchword.stores.contract.sessions import SessionStore
from watchword.stores.contract.throttles import ThrottleStore

__all__ = ["Store"]


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
