"""A store whose connection brings the answer to another question: no caller gets the data of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from postgres_servers import PostgresServer
from redis_servers import RedisServer, open_redis_stores
from sqlalchemy import Engine, event

from watchword.errors import StoreUnavailable
from watchword.stores import Stores, open_sql_stores
from watchword.stores.contract import NewSession, Session
from watchword.stores.redis.connection import RedisConnection
from watchword.stores.sql import postgres_sessions
from watchword.testing.store_contract.accounts import insert_account
from watchword.testing.store_contract.session_calls import begin, make_new_session, start, swap

Cross = Callable[[Stores, dict[str, str]], None]


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def stores(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer, redis_server: RedisServer
) -> Iterator[Stores]:
    opened = {
        "sqlite": lambda: open_sql_stores(f"sqlite:///{tmp_path}/app.db"),
        "postgres": lambda: open_sql_stores(postgres.new_database()),
        "redis": lambda: open_redis_stores(redis_server.url),
    }[request.param]()
    with closing(opened):
        yield opened


@pytest.fixture
def cross() -> Iterator[Cross]:
    """Replace what the connections of stores are asked about."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as listening:

        def cross(stores: Stores, instead: dict[str, str]) -> None:
            backend: Any = stores.backends[0]
            if isinstance(backend, RedisConnection):
                cross_redis(backend, instead, patch)
            else:
                cross_sql(instead, patch, listening)

        yield cross


def cross_redis(redis: RedisConnection, instead: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    (asked, answered), _ = instead.items()  # the ids of the sessions, which name their shards
    for name in ("run", "run_durably"):
        run = getattr(redis, name)

        def ask(script: Any, key: str, *args: Any, run: Any = run) -> Any:
            place = key.replace(f"{{{asked[-1]}}}", f"{{{answered[-1]}}}")
            return run(script, place, *(instead.get(arg, arg) for arg in args))

        patch.setattr(redis, name, ask)


def cross_sql(instead: dict[str, str], patch: pytest.MonkeyPatch, listening: ExitStack) -> None:
    def ask(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> Any:
        if isinstance(parameters, dict):
            return statement, {name: instead.get(value, value) for name, value in parameters.items()}
        return statement, tuple(instead.get(value, value) for value in parameters)

    event.listen(Engine, "before_cursor_execute", ask, retval=True)
    listening.callback(event.remove, Engine, "before_cursor_execute", ask)
    for name in ("_SWAP", "_FIND"):  # these run on the driver's own connection
        statement = getattr(postgres_sessions, name)
        for answered in instead.values():
            statement = statement.replace("%(id)s", f"'{answered}'")
        patch.setattr(postgres_sessions, name, statement)


def instead_of(asked: Session | NewSession, answered: Session) -> dict[str, str]:
    return {asked.id: answered.id, asked.subject: answered.subject}


ASKED: dict[str, Callable[[Any, Session], object]] = {
    "find": lambda store, session: store.find_session(session.id),
    "swap": lambda store, session: swap(store, session.id, 1),
    "live": lambda store, session: store.list_live_sessions(session.subject),
    "end": lambda store, session: store.end_session(session.id, "logout"),
    "end all": lambda store, session: store.end_sessions(session.subject, "logout_all"),
}


@pytest.mark.parametrize("question", ASKED)
def test_an_answer_about_another_session_is_no_answer_and_costs_the_connection(
    stores: Stores, cross: Cross, question: str, caplog: pytest.LogCaptureFixture
) -> None:
    mine, other = start(stores.sessions, "alice"), start(stores.sessions, "bob")
    before = connection_of(stores)
    cross(stores, instead_of(mine, other))
    with pytest.raises(StoreUnavailable):
        ASKED[question](stores.sessions, mine)
    assert "another session" in caplog.text
    assert other.id not in caplog.text
    assert connection_of(stores) is not before


def test_a_start_that_is_answered_with_another_session_is_none(stores: Stores, cross: Cross) -> None:
    other, new = start(stores.sessions, "bob"), make_new_session("alice")
    before = connection_of(stores)
    cross(stores, instead_of(new, other))
    with pytest.raises(StoreUnavailable):
        begin(stores.sessions, new)
    assert connection_of(stores) is not before


@pytest.mark.parametrize("stores", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.find_account(subject="alice"),
        lambda store: store.find_account(name_key="alice"),
        lambda store: insert_account(store, "alice", "alice"),
    ],
    ids=["by subject", "by name", "insert"],
)
def test_an_answer_about_another_account_is_no_answer_and_costs_the_connection(
    stores: Stores, cross: Cross, ask: Callable[[Any], object]
) -> None:
    for name in ("alice", "bob"):
        insert_account(stores.accounts, name, name)
    before = connection_of(stores)
    assert ask(stores.accounts)
    cross(stores, {"alice": "bob"})
    with pytest.raises(StoreUnavailable):
        ask(stores.accounts)
    assert connection_of(stores) is not before


def connection_of(stores: Stores) -> object:
    """What the store uses for its next question."""
    backend: Any = stores.backends[0]
    if isinstance(backend, RedisConnection):
        return backend._obtain_client()
    with backend.begin_read() as connection:
        return connection.connection.dbapi_connection
