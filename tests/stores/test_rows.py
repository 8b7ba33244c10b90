"""A row that was changed by hand is an error of ours, and its content stays out of the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis_servers import RedisServer
from sqlalchemy import update

from watchword.errors import StoreUnavailable
from watchword.stores import Stores
from watchword.stores.contract import find_shard
from watchword.stores.sql import schema
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


def assert_refused(stores: Stores, use: str, session_id: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreUnavailable):
        USES[use](stores.sessions, session_id)
    assert caplog.records
    assert "secret" not in caplog.text
