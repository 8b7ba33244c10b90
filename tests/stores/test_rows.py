"""A row that was changed by hand is an error of ours, and its content stays out of the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis_servers import RedisServer
from sqlalchemy import update

from watchword.errors import StoreUnavailable
from watchword.stores import Stores, open_sql_stores
from watchword.stores.contract import find_shard
from watchword.stores.sql import schema
from watchword.testing.store_contract.accounts import insert_account
from watchword.testing.store_contract.keys import insert_key
from watchword.testing.store_contract.session_calls import begin, make_new_session, start, swap

UNREADABLE = ["secret", "[]", "7", '"secret"', '{"secret": ', "[" * 100_000]

USES: dict[str, Callable[[Any, str], object]] = {
    "find": lambda store, session_id: store.find_session(session_id),
    "swap": lambda store, session_id: swap(store, session_id, 1),
    "live": lambda store, session_id: store.list_live_sessions("alice"),
    "end": lambda store, session_id: store.end_session(session_id, "logout"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("claims", UNREADABLE, ids=lambda claims: claims[:12])
def test_claims_in_sql_that_are_not_an_object_are_refused(
    sql_stores: Stores, claims: str, use: str, caplog: pytest.LogCaptureFixture
) -> None:
    session = begin(sql_stores.sessions, make_new_session(claims={"tenant": "blue"}))[0].session
    with sql_stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.sessions.name} SET claims = '{claims}'")
    assert_refused(sql_stores, use, session.id, caplog)


def test_other_fields_in_sql_are_read_with_care(sql_stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    session = start(sql_stores.sessions)
    with sql_stores.backends[0].begin_write() as connection:
        connection.execute(update(schema.sessions).values(amr=(), claims={}))
    assert sql_stores.sessions.find_session(session.id).session == session, "empty is as good as unset"


def test_keys_in_sql_that_cannot_be_read_are_refused(
    sql_stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    insert_key(sql_stores.keys, 1, "k")
    with sql_stores.backends[0].begin_write() as connection:
        connection.execute(update(schema.keys).values(kind="secret"))
    with pytest.raises(StoreUnavailable):
        sql_stores.keys.list_keys()
    assert "secret" not in caplog.text


def test_keys_in_redis_that_cannot_be_read_are_refused(
    redis_stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    redis_stores.backends[0]._find_node("watchword:{0}").hset("watchword:{0}:keys", "k", '{"kid": "secret"}')
    with pytest.raises(StoreUnavailable):
        redis_stores.keys.list_keys()
    assert "secret" not in caplog.text


def test_accounts_in_sqlite_that_cannot_be_read_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    stores = open_sql_stores("sqlite://")
    insert_account(stores.accounts)
    with stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.accounts.name} SET credentials_version = 'secret'")
    with pytest.raises(StoreUnavailable):
        stores.accounts.find_account(name_key="alice")
    with pytest.raises(StoreUnavailable):
        stores.accounts.list_accounts()
    assert "secret" not in caplog.text
    stores.close()


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("claims", claims) for claims in UNREADABLE),
        ("lifetime", "secret"),
        ("credentials_version", "secret"),
    ],
    ids=lambda value: value[:12],
)
def test_fields_in_redis_that_cannot_be_read_are_refused(
    redis_stores: Stores,
    redis_server: RedisServer,
    field: str,
    value: str,
    use: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = start(redis_stores.sessions)
    key = f"watchword:{{{find_shard('alice')}}}:session:{session.id}"
    redis_stores.backends[0]._find_node(key).hset(key, field, value)
    assert_refused(redis_stores, use, session.id, caplog)


@pytest.mark.parametrize("use", USES)
def test_fields_in_redis_that_a_newer_version_has_written_are_left_out(
    redis_stores: Stores, redis_server: RedisServer, use: str
) -> None:
    session = start(redis_stores.sessions)
    key = f"watchword:{{{find_shard('alice')}}}:session:{session.id}"
    redis_stores.backends[0]._find_node(key).hset(key, mapping={"device": "phone", "mailed_at": "soon"})
    assert USES[use](redis_stores.sessions, session.id)


def assert_refused(stores: Stores, use: str, session_id: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreUnavailable):
        USES[use](stores.sessions, session_id)
    assert caplog.records
    assert "secret" not in caplog.text
