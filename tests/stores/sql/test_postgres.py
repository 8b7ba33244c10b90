"""PostgreSQL's own faults: late commits, lost connections, killed servers, waits, forks, roles."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from postgres_servers import PostgresServer
from sqlalchemy import Connection

from watchword.errors import InvalidSettings, StoreUnavailable
from watchword.stores import Stores, find_schema_status, open_sql_stores
from watchword.stores.contract import Feed, NewSession, SessionDetails, SessionTimes
from watchword.stores.sql import postgres as postgres_module
from watchword.stores.sql import schema

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)
DETAILS = SessionDetails(username="A", scopes=())


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def stores(url: str) -> Iterator[Stores]:
    opened = open_sql_stores(url)
    yield opened
    opened.close()


@pytest.fixture
def beside(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection beside those of the store."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def start(stores: Stores, name: str, subject: str = "alice") -> None:
    new = NewSession(id=name, subject=subject, username="A", scopes=(), user_agent=None, ip_address=None)
    stores.sessions.start_session(new, TIMES, max_live=100, mark=stores.sessions.read_mark())


def poll(stores: Stores, since: Feed | None = None) -> Feed:
    identity, position = (since.identity, since.position) if since else (None, None)
    return stores.sessions.poll(identity, position, grace=30)


def ids(feed: Feed) -> set[str]:
    return {end.session_id for end in feed.ends}


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process has to get somewhere


def is_waiting(connection: psycopg.Connection[Any], statement: str = "UPDATE") -> bool:
    """Whether a connection waits for a lock with such a statement."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    row = connection.execute(waiting, [f"%{statement} watchword_sessions%"]).fetchone()
    assert row is not None
    return bool(row[0])


@contextmanager
def locked(url: str, name: str) -> Iterator[None]:
    """Hold a session's row."""
    with psycopg.connect(url) as holder:
        holder.execute("SELECT 1 FROM watchword_sessions WHERE id = %s FOR UPDATE", [name])
        yield


# -- the feed ------------------------------------------------------------------------------------


def test_an_end_whose_commit_comes_late_is_told_after_all(stores: Stores) -> None:
    for name in ("late", "soon", "sooner"):
        start(stores, name)
    feed = poll(stores)
    with stores.backends[0].begin_write() as connection:
        assert stores.sessions._end(connection, stores.now(), "logout", schema.sessions.c.id == "late")
        for name in ("sooner", "soon"):
            stores.sessions.end_session(name, "logout")
            feed = poll(stores, feed)
            assert name in ids(feed)
            assert "late" not in ids(feed)
    feed = poll(stores, feed)
    assert "late" in ids(feed)
    assert ids(poll(stores, feed)) == set(), "and everything is told once nobody writes"


def test_an_end_that_waited_for_its_row_is_told_after_all(
    stores: Stores, url: str, beside: psycopg.Connection[Any], pool: ThreadPoolExecutor
) -> None:
    for name in ("waiting", "other"):
        start(stores, name)
    feed = poll(stores)
    with locked(url, "waiting"):
        ending = pool.submit(stores.sessions.end_session, "waiting", "logout")
        until(lambda: is_waiting(beside))
        stores.sessions.end_session("other", "logout")
        feed = poll(stores, feed)
        assert ids(feed) == {"other"}
        feed = poll(stores, feed)
        assert "waiting" not in ids(feed)
    assert ending.result() is not None
    assert "waiting" in ids(poll(stores, feed))


def test_the_feed_is_named_for_the_store_and_for_the_servers_history(stores: Stores) -> None:
    identity = poll(stores).identity
    assert re.fullmatch(r"[0-9a-f]{32}/\d{10}\.\d+", identity)
    assert poll(stores).identity == identity


def test_after_a_restore_every_end_still_in_force_is_told_anew(mortal_postgres: PostgresServer) -> None:
    stores = open_sql_stores(mortal_postgres.new_database())
    for name in ("one", "other"):
        start(stores, name)
        stores.sessions.end_session(name, "logout")
    before = poll(stores)
    assert ids(poll(stores, before)) == set()
    mortal_postgres.kill()
    mortal_postgres.start_restored()
    after = poll(stores, before)
    assert after.identity != before.identity
    assert ids(after) == {"one", "other"}
    assert ids(poll(stores, after)) == set()
    stores.close()


# -- connections that are lost -------------------------------------------------------------------


def terminated(connection: psycopg.Connection[Any]) -> int:
    """End every other connection to this schema's server; how many there were."""
    ended = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    return len(ended.fetchall())


def test_a_connection_that_was_lost_meanwhile_is_replaced(
    stores: Stores, beside: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    start(stores, "s1")
    assert terminated(beside) >= 1
    assert stores.sessions.find_session("s1") is not None
    assert terminated(beside) >= 1
    assert stores.sessions.swap_session("s1", 1, TIMES, DETAILS) is not None
    assert terminated(beside) >= 1
    assert stores.sessions.end_session("s1", "logout") is not None
    assert not caplog.records


def test_a_connection_that_does_not_know_yet_that_it_is_of_no_use_is_replaced(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    start(stores, "s1")
    operations: tuple[Callable[[], object], ...] = (
        lambda: stores.sessions.find_session("s1"),
        lambda: stores.sessions.swap_session("s1", 1, TIMES, DETAILS),
        lambda: stores.sessions.end_session("s1", "logout"),
    )
    for operation in operations:
        with stores.backends[0].use_driver_connection() as connection:
            wire = connection.pgconn
        wire.send_query(b"SELECT 1")  # nobody reads the answer: whatever comes next is refused
        assert operation() is not None
    assert not caplog.records


def test_a_refresh_becomes_a_prepared_statement(stores: Stores) -> None:
    start(stores, "s1")
    for _ in range(10):
        stores.sessions.swap_session("s1", 1, TIMES, DETAILS)
    with stores.backends[0].use_driver_connection() as connection:
        prepared = connection.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert any("UPDATE watchword_sessions" in statement for (statement,) in prepared)


def test_a_refresh_is_one_round_trip(stores: Stores, tmp_path: Path) -> None:
    start(stores, "s1")
    at_once = msgspec.structs.replace(TIMES, window=0)
    for generation in range(1, 11):  # afterwards it is prepared
        stores.sessions.swap_session("s1", generation, at_once, DETAILS)
    with stores.backends[0].use_driver_connection() as connection:
        wire = connection.pgconn
    with (tmp_path / "trace").open("w") as trace:
        wire.trace(trace.fileno())
        assert stores.sessions.swap_session("s1", 11, at_once, DETAILS) is not None
        wire.untrace()
    # the server says so each time that it has answered and waits for us again
    assert (tmp_path / "trace").read_text().count("\tReadyForQuery\t") == 1


def test_an_operation_whose_connection_is_lost_in_its_middle_is_done_again(
    stores: Stores, url: str, beside: psycopg.Connection[Any], pool: ThreadPoolExecutor
) -> None:
    start(stores, "s1")
    operations: tuple[Callable[[], Future[Any]], ...] = (
        lambda: pool.submit(stores.sessions.swap_session, "s1", 1, TIMES, DETAILS),
        lambda: pool.submit(stores.sessions.end_session, "s1", "logout"),
    )
    waiting = (
        "SELECT pid FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND query LIKE '%watchword_sessions%'"
    )
    for operation in operations:
        with locked(url, "s1"):
            running = operation()
            until(lambda: beside.execute(waiting).fetchall())
            ((first,),) = beside.execute(waiting).fetchall()
            beside.execute("SELECT pg_terminate_backend(%s)", [first])
            until(lambda pid=first: [(p,) for (p,) in beside.execute(waiting) if p != pid])
        assert running.result() is not None
    found = stores.sessions.find_session("s1")
    assert found is not None
    assert (found.session.generation, found.session.end_reason) == (2, "logout")


def test_a_server_that_is_gone_is_an_error_of_ours_and_comes_back_by_itself(
    mortal_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    stores = open_sql_stores(mortal_postgres.new_database())
    start(stores, "s1")
    assert stores.sessions.end_session("s1", "logout") is not None
    mortal_postgres.kill()
    with caplog.at_level(logging.WARNING, "watchword.stores"):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                stores.now()
            with pytest.raises(StoreUnavailable):
                stores.sessions.swap_session("s1", 1, TIMES, DETAILS)
    assert "the store does not answer" in caplog.text
    assert "SELECT" not in caplog.text
    mortal_postgres.start()
    found = stores.sessions.find_session("s1")
    assert found is not None
    assert found.session.end_reason == "logout", "what was acknowledged has stayed"
    stores.close()


# -- waits and bounds ----------------------------------------------------------------------------


def test_nobody_waits_for_a_row_for_longer_than_the_bound(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_module, "STATEMENT_TIMEOUT", 0.1)
    stores = open_sql_stores(url)
    start(stores, "s1")
    with locked(url, "s1"):
        with pytest.raises(StoreUnavailable):
            stores.sessions.end_session("s1", "logout")
        with pytest.raises(StoreUnavailable):
            stores.sessions.swap_session("s1", 1, TIMES, DETAILS)
    assert stores.sessions.end_session("s1", "logout") is not None
    stores.close()


def test_a_subject_never_has_more_sessions_than_allowed_however_many_start_at_once(stores: Stores) -> None:
    def one(number: int) -> None:
        new = NewSession(
            id=f"s{number}", subject="a", username="A", scopes=(), user_agent=None, ip_address=None
        )
        stores.sessions.start_session(new, TIMES, max_live=3, mark=stores.sessions.read_mark())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(24)))
    assert len(stores.sessions.list_live_sessions("a")) == 3


# -- opening -------------------------------------------------------------------------------------


def test_processes_that_open_at_once_make_the_tables_once(url: str) -> None:
    script = (
        "import sys; from watchword.stores import open_sql_stores; sys.stdin.readline();"
        "stores = open_sql_stores(sys.argv[1]);"
        "print(stores.sessions.poll(None, None, grace=0).identity); stores.close()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(10)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    identities = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 10
    assert len(identities) == 1


def test_an_upgrade_takes_its_time_and_is_done_once_while_the_others_wait(
    url: str, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    open_sql_stores(url).close()
    monkeypatch.setattr(postgres_module, "STATEMENT_TIMEOUT", 0.1)
    done: list[str] = []

    def slow(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_sleep(0.3)")
        done.append("slow")

    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, slow))
    for stores in pool.map(open_sql_stores, [url] * 2):
        stores.close()
    assert done == ["slow"]


def test_an_upgrade_gives_up_where_a_table_is_in_use_and_leaves_all_as_it_was(
    url: str, beside: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_sql_stores(url).close()
    monkeypatch.setattr(postgres_module, "STATEMENT_TIMEOUT", 0.1)

    def steps(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE watchword_remembered")
        connection.exec_driver_sql("ALTER TABLE watchword_sessions ADD COLUMN note TEXT")

    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, steps))
    with beside.transaction():
        beside.execute("SELECT count(*) FROM watchword_sessions")
        with pytest.raises(StoreUnavailable):
            open_sql_stores(url)
    assert find_schema_status(url).version == len(schema.UPGRADES) - 1
    open_sql_stores(url).close()
    assert find_schema_status(url).version == len(schema.UPGRADES)


def test_a_role_that_owns_nothing_but_its_schema_is_enough(
    postgres: PostgresServer, beside: psycopg.Connection[Any], url: str
) -> None:
    schema = url.rpartition("%3D")[2]
    beside.execute(f"CREATE ROLE {schema} LOGIN")
    beside.execute(f"ALTER SCHEMA {schema} OWNER TO {schema}")
    stores = open_sql_stores(url.replace("//postgres:", f"//{schema}:"))
    start(stores, "s1")
    assert stores.sessions.end_session("s1", "logout") is not None
    assert ids(poll(stores)) == {"s1"}
    stores.close()


def test_a_password_stands_in_no_message_and_in_no_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    wrong = url.replace("//postgres:", "//nobody:s3cr3t")
    with pytest.raises(StoreUnavailable) as caught:
        open_sql_stores(wrong)
    assert 'role "nobody" does not exist' in caplog.text
    assert "s3cr3t" not in caplog.text + str(caught.value) + repr(caught.value)
    with pytest.raises(InvalidSettings, match="Write postgresql://") as refused:
        open_sql_stores("postgresql+psycopg2://nobody:s3cr3t@localhost/app")
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_usual_spellings_of_the_url_are_taken(url: str, scheme: str) -> None:
    open_sql_stores(url.replace("postgresql", scheme, 1)).close()


# -- forks ---------------------------------------------------------------------------------------


FORKING = """
import ctypes, os, sys
from watchword.stores import open_sql_stores
stores = open_sql_stores(sys.argv[1])
child = os.fork() if sys.argv[2] == "with hooks" else ctypes.PyDLL(None).fork()
for number in range(3):
    assert stores.throttles.hit(f"from {os.getpid()}", 100) == number + 1
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert stores.throttles.hit(f"from {child}", 100) == 4
stores.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.parametrize("fork", ["with hooks", "without hooks"])
def test_a_forked_child_has_connections_of_its_own_and_leaves_the_parents_alone(url: str, fork: str) -> None:
    script = [sys.executable, "-W", "error", "-c", FORKING, url, fork]
    done = subprocess.run(script, check=True, timeout=60, capture_output=True, text=True)
    assert done.stderr == ""


def test_threads_share_the_pool(stores: Stores) -> None:
    start(stores, "s1")
    with ThreadPoolExecutor(32) as threads:
        found = list(threads.map(lambda _: stores.sessions.find_session("s1"), range(128)))
    assert all(found)
    assert threading.active_count() < 32
