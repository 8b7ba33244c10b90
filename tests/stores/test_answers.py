"""A store whose connection brings the answer to another question: nobody gets what is another's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from postgres_servers import PostgresServer
from redis_servers import RedisServer

from watchword.errors import StoreUnavailable
from watchword.stores.contract import Session
from watchword.stores.redis.store import RedisStore
from watchword.stores.sql import accounts as sql_accounts
from watchword.stores.sql import postgres as postgres_module
from watchword.stores.sql import sessions as sql_sessions
from watchword.stores.sql.store import SqlStore
from watchword.testing.store_contract.sessions import TIMES, begin, new_session, start, swap

AnyStore = SqlStore | RedisStore


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer, redis_server: RedisServer
) -> Iterator[AnyStore]:
    if request.param == "redis":
        opened: AnyStore = RedisStore(redis_server.url)
    elif request.param == "postgres":
        opened = SqlStore(postgres.new_database())
    else:
        opened = SqlStore(f"sqlite:///{tmp_path}/app.db")
    with closing(opened):
        yield opened


@pytest.fixture
def cross(monkeypatch: pytest.MonkeyPatch) -> Callable[[AnyStore, Session, Session], None]:
    """Let the store hear the other session's id and subject wherever it is asked about the first one's."""

    def cross(store: AnyStore, asked: Session, other: Session) -> None:
        def swapped(value: object) -> object:
            answered = {asked.id: other.id, asked.subject: other.subject}
            return answered.get(value, value) if isinstance(value, str) else value

        if isinstance(store, RedisStore):
            for name in ("run", "run_durably"):
                run = getattr(store._redis, name)

                def ask(script: Any, key: str, *args: Any, run: Any = run) -> Any:
                    return run(script, key.replace(asked.id[-1], other.id[-1]), *map(swapped, args))

                monkeypatch.setattr(store._redis, name, ask)
            return
        for name in ("find", "swap", "live", "end", "end_all"):
            real = getattr(sql_sessions, name)

            def operate(
                connection: Any, now: float, what: str, *args: Any, real: Any = real, **rest: Any
            ) -> Any:
                return real(connection, now, swapped(what), *args, **rest)

            monkeypatch.setattr(sql_sessions, name, operate)
        for name in ("_SWAP", "_FIND"):
            statement = getattr(postgres_module, name).replace("%(id)s", f"'{other.id}'")
            monkeypatch.setattr(postgres_module, name, statement)

    return cross


ASKED: dict[str, Callable[[AnyStore, Session], object]] = {
    "find": lambda store, session: store.find_session(session.id),
    "swap": lambda store, session: swap(store, session.id, 1),
    "live": lambda store, session: store.live_sessions(session.subject),
    "end": lambda store, session: store.end_session(session.id, "logout"),
    "end all": lambda store, session: store.end_sessions(session.subject, "logout_all"),
}


@pytest.mark.parametrize("question", ASKED)
def test_an_answer_about_another_session_is_no_answer_and_costs_the_connection(
    store: AnyStore, cross: Callable[..., None], question: str, caplog: pytest.LogCaptureFixture
) -> None:
    mine, other = start(store, "alice"), start(store, "bob")
    before = connection_of(store)
    cross(store, mine, other)
    with pytest.raises(StoreUnavailable):
        ASKED[question](store, mine)
    assert "another session" in caplog.text
    assert other.id not in caplog.text
    assert connection_of(store) is not before


def test_an_answer_about_another_account_is_no_answer_and_costs_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqlStore(f"sqlite:///{tmp_path}/app.db")) as store:
        for name in ("alice", "bob"):
            store.insert_account(subject=name, username=name, name_key=name, password_hash="", scopes=())
        before = connection_of(store)
        assert store.find_account(subject="alice")
        find = sql_accounts.find_account
        monkeypatch.setattr(sql_accounts, "find_account", lambda *args, **_: find(*args, subject="bob"))
        with pytest.raises(StoreUnavailable):
            store.find_account(subject="alice")
        assert connection_of(store) is not before


def test_a_start_that_is_answered_with_another_session_is_none(
    store: AnyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = begin(store, new_session("bob"), TIMES)
    if isinstance(store, RedisStore):
        monkeypatch.setattr("watchword.stores.redis.sessions.start", lambda *_, **__: other)
    else:
        monkeypatch.setattr(sql_sessions, "start", lambda *_, **__: other)
    with pytest.raises(StoreUnavailable):
        begin(store, new_session("alice"), TIMES)


def connection_of(store: AnyStore) -> object:
    """What the store uses for its next question."""
    if isinstance(store, RedisStore):
        return store._redis._client()
    with store._database.read() as connection:
        return connection.connection.dbapi_connection
