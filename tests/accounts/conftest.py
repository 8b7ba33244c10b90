"""What the tests of this room share: a real store in memory, real argon2 at its cheapest."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import argon2
import pytest

from watchword.accounts import Accounts, LoginThrottle, PasswordHasher
from watchword.settings import Settings
from watchword.stores import Stores, open_sql_stores
from watchword.stores.contract import AccountStore


class RecordedSessions:
    """Stands where the front desk puts its sessions.

    Attributes:
        ended: subject, reason and kept session of each call that ends sessions.
        kept: the sessions to keep, with the version that they get.
        live: how many sessions each call finds.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[str, str, str | None]] = []
        self.kept: list[tuple[str, int]] = []
        self.live = 0

    def end_all(self, subject: str, reason: str, keep: str | None = None) -> int:
        self.ended.append((subject, reason, keep))
        return self.live

    def keep(self, session_id: str, subject: str, credentials_version: int) -> None:
        self.kept.append((session_id, credentials_version))


@pytest.fixture
def sessions() -> RecordedSessions:
    return RecordedSessions()


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def cheap() -> argon2.Parameters:
    return argon2.profiles.CHEAPEST


@pytest.fixture
def stores() -> Iterator[Stores]:
    opened = open_sql_stores("sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def store(stores: Stores) -> AccountStore:
    return stores.accounts


@pytest.fixture
def hasher(settings: Settings, cheap: argon2.Parameters) -> PasswordHasher:
    return PasswordHasher(settings=settings, parameters=cheap)


@pytest.fixture
def accounts(
    store: AccountStore, settings: Settings, hasher: PasswordHasher, sessions: RecordedSessions
) -> Accounts:
    return Accounts(store, settings=settings, hasher=hasher, sessions=sessions)


@pytest.fixture
def throttle(stores: Stores, settings: Settings) -> LoginThrottle:
    return LoginThrottle(stores.throttles, key=b"k" * 32, settings=settings)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[argon2.Parameters]:
    """What each real verification so far cost."""
    costs = []
    verify = argon2.PasswordHasher.verify

    def counted(self, password_hash, password):
        costs.append(argon2.extract_parameters(password_hash))
        return verify(self, password_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    return costs


@pytest.fixture
def run_script() -> Callable[[str], subprocess.CompletedProcess]:
    """Runs Python in a process of its own."""

    def run(script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            # without coverage: a script here may leave itself too little memory for it
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run
