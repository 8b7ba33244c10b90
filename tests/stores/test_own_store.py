"""An application's own store behind one port: held to the contract of that port alone, and used by Auth."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import msgspec
import pytest

from watchword import Auth, Settings
from watchword.errors import InvalidGrant, InvalidSettings, SessionEnded, StoreUnavailable
from watchword.stores import open_stores
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
from watchword.testing import store_contract

SETTINGS = Settings(database_url="sqlite://", revocation_interval=29, secret=("s" * 32,))


def atomic(operation: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(operation)
    def run(self: MySessions, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            return operation(self, *args, **kwargs)

    return run


class MySessions(SessionStore):
    """Sessions in the memory of one process, without anything of Watchword but the contract."""

    def __init__(self) -> None:
        self.time_shift = 0.0
        self._lock = threading.RLock()
        self._rows: dict[str, Session] = {}
        self._feed: list[SessionEnd] = []
        self._ends_of_all: dict[str, int] = {}
        self._events = itertools.count(1)  # what happens to subjects, for marks
        self._happened = 0
        self._settings = ""

    def now(self) -> float:
        return time.time() + self.time_shift

    def close(self) -> None:
        pass

    @atomic
    def read_mark(self) -> str:
        return f"{self.now()} {self._happened}"

    @atomic
    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        now = self.now()
        if new.id in self._rows:
            return TimedSession(self._rows[new.id], now), ()
        read_at, happened = mark.split()
        if now >= float(read_at) + MARK_LIFETIME or self._ends_of_all.get(new.subject, 0) > int(happened):
            return None
        others = self.list_live_sessions(new.subject)
        row = Session(
            **msgspec.structs.asdict(new),
            generation=1,
            created_at=now,
            authenticated_at=now,
            refreshed_at=None,
            access_until=0.0,
            expires_at=0.0,
        )
        self._rows[new.id] = row = prolong(row, times, now)
        surplus = [self._end(other, "too_many_sessions") for other in others[max_live - 1 :]]
        return TimedSession(row, now), surplus

    @atomic
    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        now, row = self.now(), self._rows.get(session_id)
        if row is None or not is_live(row, now) or row.generation > generation:
            return None
        if row.refreshed_at is not None and row.refreshed_at > now - times.window:
            return None
        changes = msgspec.structs.asdict(details) | {
            name: getattr(row, name)
            for name in ("audience", "client_id", "credentials_version")
            if getattr(row, name) is not None
        }
        swapped = msgspec.structs.replace(row, **changes, generation=generation + 1, refreshed_at=now)
        self._rows[session_id] = swapped = prolong(swapped, times, now)
        return TimedSession(swapped, now)

    @atomic
    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        row = self._rows.get(session_id)
        if row is None or row.subject != subject or not is_live(row, self.now()):
            return False
        version = max(row.credentials_version or 0, credentials_version)
        self._rows[session_id] = msgspec.structs.replace(row, credentials_version=version)
        return True

    @atomic
    def replace_version(self, subject: str, before: int, after: int) -> None:
        for row in self._rows.values():
            if row.subject == subject and row.credentials_version == before and is_live(row, self.now()):
                self._rows[row.id] = msgspec.structs.replace(row, credentials_version=after)

    @atomic
    def find_session(self, session_id: str) -> TimedSession | None:
        row = self._rows.get(session_id)
        return None if row is None else TimedSession(row, self.now())

    @atomic
    def list_live_sessions(self, subject: str) -> Sequence[Session]:
        live = [row for row in self._rows.values() if row.subject == subject and is_live(row, self.now())]
        return sorted(live, key=lambda row: row.created_at, reverse=True)

    @atomic
    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        row = self._rows.get(session_id)
        return None if row is None or row.ended_at is not None else self._end(row, reason)

    @atomic
    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        self._happened = self._ends_of_all[subject] = next(self._events)
        rows = [row for row in self._rows.values() if row.subject == subject and row.id != keep]
        return [self._end(row, reason) for row in rows if row.ended_at is None]

    @atomic
    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        row = self._rows.get(session_id)
        if row is not None:
            later = max(row.access_until, access_until)
            self._rows[session_id] = msgspec.structs.replace(row, access_until=later)
            self.end_session(session_id, reason)
        elif SessionEnd(session_id, access_until) not in self._feed:
            self._feed.append(SessionEnd(session_id, access_until))

    @atomic
    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        here, now = str(id(self)), self.now()
        goes_on = identity == here and position is not None and position <= len(self._feed)
        since = self._feed[position if goes_on else 0 :]
        ends = tuple(end for end in since if end.access_until > now - grace)
        return Feed(
            now=now,
            identity=here,
            position=len(self._feed),
            key_version=None,  # the keys are in another store
            ends=ends,
            settings=self._settings,
        )

    @atomic
    def record_settings(self, settings: str, *, expected: str) -> bool:
        if self._settings not in {expected, settings}:
            return False
        self._settings = settings
        return True

    def _end(self, row: Session, reason: EndReason) -> Session:
        now = self.now()
        access_until = max(row.access_until, float(math.floor(now) + END_NOTICE))
        ended = msgspec.structs.replace(row, ended_at=now, end_reason=reason, access_until=access_until)
        self._rows[row.id] = ended
        self._feed.append(SessionEnd(row.id, access_until))
        return ended


def is_live(row: Session, now: float) -> bool:
    return row.ended_at is None and row.expires_at > now


def prolong(row: Session, times: SessionTimes, now: float) -> Session:
    absolute = times.absolute if row.lifetime is None else row.lifetime
    regular = min(math.floor(now + times.idle), math.floor(row.created_at + absolute))
    access_until = max(float(min(math.floor(now) + times.access, regular)), row.access_until)
    return msgspec.structs.replace(
        row, access_until=access_until, expires_at=max(float(regular), row.access_until)
    )


class TestMySessions(store_contract.SessionStoreContract):
    @pytest.fixture
    def store(self) -> MySessions:
        return MySessions()


# -- used by Auth ----------------------------------------------------------------------------------


@pytest.fixture
def sessions() -> MySessions:
    return MySessions()


@pytest.fixture
def auth(sessions: MySessions) -> Iterator[Auth]:
    opened = Auth(settings=SETTINGS, stores=msgspec.structs.replace(open_stores(SETTINGS), sessions=sessions))
    yield opened
    opened.close()


def test_a_login_its_refresh_and_its_logout_are_in_the_own_store(auth: Auth, sessions: MySessions) -> None:
    account = auth.accounts.add("alice", "correct horse battery staple")
    tokens = auth.login("alice", "correct horse battery staple")
    assert [row.id for row in sessions.list_live_sessions(account.subject)] == [tokens.session_id]
    refreshed = auth.refresh(tokens.refresh_token)
    assert auth.authenticate(refreshed.access_token).subject == account.subject
    assert sessions.find_session(tokens.session_id).session.generation == 2
    auth.logout(refreshed.access_token)
    assert sessions.list_live_sessions(account.subject) == []
    with pytest.raises(SessionEnded):
        auth.authenticate(refreshed.access_token)
    with pytest.raises(InvalidGrant):
        auth.refresh(refreshed.refresh_token)
    assert auth.stores.accounts.find_account(name_key="alice") == account


def test_an_end_in_the_own_store_is_heard_with_the_next_poll(auth: Auth, sessions: MySessions) -> None:
    tokens = auth.start("alice")
    auth.authenticate(tokens.access_token)
    sessions.end_session(tokens.session_id, "logout")
    auth._revocations.poll()
    with pytest.raises(SessionEnded):
        auth.authenticate(tokens.access_token)


def test_a_key_of_another_process_is_known_with_the_next_poll_though_another_store_has_it(
    auth: Auth,
) -> None:
    elsewhere = Auth(settings=SETTINGS, stores=auth.stores)
    kid = elsewhere.keyring.public.find_signing_key().kid
    elsewhere.keyring.compromise(kid)
    elsewhere._revocations.close()
    assert auth.keyring.public.find_signing_key().kid == kid
    auth._revocations.poll()
    assert auth.keyring.public.find_signing_key().kid != kid


def test_backends_of_the_own_store_are_asked_and_closed(sessions: MySessions) -> None:
    opened = open_stores(SETTINGS)
    closed: list[bool] = []
    sessions.close = lambda: closed.append(True)  # type: ignore[method-assign]
    sessions.time_shift = 1_000.0
    stores = msgspec.structs.replace(opened, sessions=sessions, backends=(sessions, *opened.backends))
    assert stores.now() == pytest.approx(time.time() + 1_000, abs=5)
    auth = Auth(settings=SETTINGS, stores=stores)
    auth.check()
    auth.close()
    assert closed == [True]
    with pytest.raises(StoreUnavailable):
        opened.now()  # the database in memory is gone


def test_a_backend_that_cannot_be_closed_leaves_no_other_open(sessions: MySessions) -> None:
    opened = open_stores(SETTINGS)
    sessions.close = lambda: 1 / 0  # type: ignore[method-assign, return-value, assignment]
    stores = msgspec.structs.replace(opened, sessions=sessions, backends=(sessions, *opened.backends))
    with pytest.raises(ZeroDivisionError):
        stores.close()
    with pytest.raises(StoreUnavailable):
        opened.now()  # the database in memory is gone


# -- what Auth does not take -----------------------------------------------------------------------


def test_stores_and_a_url_are_not_given_together() -> None:
    stores = open_stores(SETTINGS)
    with pytest.raises(InvalidSettings, match="stores or database_url"):
        Auth("sqlite://", stores=stores)
    assert stores.now() > 0, "not closed"
    stores.close()


def test_what_is_no_record_of_stores_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="stores must be a Stores record, not MySessions"):
        Auth(stores=MySessions())  # type: ignore[arg-type]


def test_a_record_without_a_backend_is_refused() -> None:
    stores = open_stores(SETTINGS)
    with pytest.raises(InvalidSettings, match="backends must have at least one object with now"):
        msgspec.structs.replace(stores, backends=())
    stores.close()
