"""PostgreSQL with few connections, and behind a pooler that gives each transaction another one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from postgres_servers import PostgresServer
from transaction_pooler import pooled

from watchword import Auth, Settings
from watchword.errors import InvalidSettings, StoreUnavailable
from watchword.stores import Stores, open_sql_stores
from watchword.stores.contract import NewSession, SessionDetails, SessionTimes
from watchword.stores.sql import postgres_pool

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=0)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def beside(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def few(url: str, beside: psycopg.Connection[Any]) -> Callable[[int], str]:
    """Makes the URL of a role that may have so many connections."""

    def make(connections: int) -> str:
        role = url.rpartition("%3D")[2]
        beside.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {connections}")
        beside.execute(f"ALTER SCHEMA {role} OWNER TO {role}")
        return url.replace("//postgres:", f"//{role}:")

    return make


def start(stores: Stores, name: str) -> None:
    new = NewSession(id=name, subject="alice", username="A", scopes=(), user_agent=None, ip_address=None)
    stores.sessions.start_session(new, TIMES, max_live=100, mark=stores.sessions.read_mark())


def held(connection: psycopg.Connection[Any], url: str) -> int:
    role = url.partition("//")[2].partition(":")[0]
    row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [role]).fetchone()
    assert row is not None
    return int(row[0])


def use_at_once(stores: Stores, threads: int) -> None:
    """Have so many connections in use at the same moment, if the store can."""
    together = threading.Barrier(threads)

    def use() -> None:
        with stores.backends[0].begin_read() as connection:
            together.wait(10)
            stores.backends[0].read_clock(connection)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(use) for _ in range(threads)]:
            done.result()


# -- few connections -----------------------------------------------------------------------------


def test_a_process_has_as_many_connections_as_the_setting_says_and_its_threads_wait(
    few: Callable[[int], str], beside: psycopg.Connection[Any]
) -> None:
    url = few(-1)
    stores = open_sql_stores(url, connections=2)
    use_at_once(stores, 2)
    most = []

    def look() -> None:
        stores.now()
        most.append(held(beside, url))

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(look) for _ in range(64)]:
            done.result()
    assert max(most) == 2
    stores.close()


def test_a_thread_that_waits_for_too_long_is_told_which_setting_it_is(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("watchword.stores.sql.postgres.STATEMENT_TIMEOUT", 0.05)
    stores = open_sql_stores(url, connections=1)
    with stores.backends[0].begin_read(), pytest.raises(StoreUnavailable):
        stores.now()
    assert "all 1 connections are in use (database_connections)" in caplog.text
    stores.close()


def test_a_process_that_is_refused_a_further_connection_waits_for_one_of_its_own(
    few: Callable[[int], str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "_CROWDED", ())  # the server may speak another language
    stores = open_sql_stores(few(2), connections=10)
    start(stores, "s1")
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: stores.sessions.find_session("s1"), range(120)))
    assert all(found)
    assert not caplog.records
    stores.close()


def test_a_command_gets_in_beside_a_server_that_has_used_all_connections(
    few: Callable[[int], str], beside: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "IDLE", 0.2)
    url = few(3)
    server = open_sql_stores(url, connections=10)
    use_at_once(server, 3)
    assert held(beside, url) == 3
    with ThreadPoolExecutor(1) as pool:
        command = pool.submit(open_sql_stores, url, connections=1)
        while not command.done():
            server.sessions.poll(None, None, grace=0)  # as a server does each second
        command.result().close()
    server.close()


def test_a_process_without_any_connection_gives_up_in_the_end(
    few: Callable[[int], str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = few(1)
    server = open_sql_stores(url)
    monkeypatch.setattr("watchword.stores.sql.postgres.STATEMENT_TIMEOUT", 0.2)
    with pytest.raises(StoreUnavailable):
        open_sql_stores(url)
    assert "too many connections for role" in caplog.text
    server.close()


# -- a pooler ------------------------------------------------------------------------------------


def test_everything_works_where_each_transaction_has_another_connection_and_nothing_stays_on_it(
    url: str,
) -> None:
    with pooled(url) as (address, pooler):
        stores = open_sql_stores(address)
        start(stores, "s1")
        for generation in range(1, 12):  # more often than what psycopg prepares
            assert stores.sessions.swap_session(
                "s1", generation, TIMES, SessionDetails(username="A", scopes=())
            )
            assert stores.sessions.find_session("s1")
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda _: stores.sessions.find_session("s1"), range(40)))
        assert stores.sessions.end_session("s1", "logout") is not None
        assert [end.session_id for end in stores.sessions.poll(None, None, grace=30).ends] == ["s1"]
        stores.close()
        for server in pooler.servers:
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"):
                assert server.execute(f"SHOW {name}").fetchone() == ("0",)
            assert server.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_push_is_refused_behind_a_pooler_which_would_give_the_listening_connection_away(url: str) -> None:
    settings = Settings(secret=("s" * 32,), revocation_push=True)
    with pooled(url) as (address, _), pytest.raises(InvalidSettings, match="pooler"):
        Auth(address, settings=settings)


# -- services that allow little ------------------------------------------------------------------


def test_no_function_for_the_log_of_writes_or_for_control_data_is_needed(
    few: Callable[[int], str], beside: psycopg.Connection[Any]
) -> None:
    url = few(-1)
    role = url.partition("//")[2].partition(":")[0]
    beside.execute(
        f"CREATE FUNCTION {role}.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'wal_level must be set to ''logical'''; END $$"
    )
    beside.execute(
        f"CREATE FUNCTION {role}.pg_control_system() RETURNS record LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'permission denied'; END $$"
    )
    stores = open_sql_stores(f"{url}%2Cpg_catalog")
    start(stores, "s1")
    stores.sessions.end_session("s1", "logout")
    assert [end.session_id for end in stores.sessions.poll(None, None, grace=30).ends] == ["s1"]
    stores.close()


def test_a_replica_is_refused_with_the_reason(mortal_postgres: PostgresServer) -> None:
    url = mortal_postgres.new_database()
    stores = open_sql_stores(url)
    mortal_postgres.kill()
    mortal_postgres.start_as_replica()
    for opening in (lambda: stores.sessions.poll(None, None, grace=0), lambda: open_sql_stores(url)):
        with pytest.raises(StoreUnavailable, match="replica of PostgreSQL: name the primary"):
            opening()
    stores.close()


def test_a_function_that_every_process_needs_is_missed_at_the_start(
    few: Callable[[int], str], beside: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    url = few(-1)
    role = url.partition("//")[2].partition(":")[0]
    beside.execute(
        f"CREATE FUNCTION {role}.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'permission denied for function pg_postmaster_start_time'; END $$"
    )
    with pytest.raises(StoreUnavailable):
        open_sql_stores(f"{url}%2Cpg_catalog")
    assert "permission denied for function pg_postmaster_start_time" in caplog.text
