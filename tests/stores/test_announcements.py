"""A logout that is announced holds elsewhere before the next poll; where the word is lost, with that poll."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hard_forks import answer_of_child
from postgres_servers import PostgresServer
from redis import Redis
from redis_servers import RedisCluster, RedisServer, open_redis_stores

from watchword import Auth, Settings
from watchword.errors import InvalidSettings, SessionEnded
from watchword.sessions.revocations import Revocations
from watchword.stores import Stores, open_sql_stores
from watchword.stores.contract import Announcements, Feed
from watchword.stores.sql.postgres_announcements import CHANNEL
from watchword.stores.sql.sessions import SqlSessions
from watchword.testing.store_contract.announcements import measure_seconds

INTERVAL, SOON = 30.0, 10.0  # seconds: what holds within the one does not wait for a poll

Open = Callable[..., Auth]


@pytest.fixture
def postgres_urls(postgres: PostgresServer) -> dict[str, str]:
    return {"database_url": postgres.new_database()}


@pytest.fixture(params=["postgres", "redis", "cluster"])
def urls(
    request: pytest.FixtureRequest,
    postgres_urls: dict[str, str],
    redis_server: RedisServer,
    redis_cluster: RedisCluster,
    tmp_path: Path,
) -> dict[str, str]:
    if request.param == "postgres":
        return postgres_urls
    server = redis_server if request.param == "redis" else redis_cluster
    return {"database_url": f"sqlite:///{tmp_path}/accounts.db", "sessions_url": server.url}


@pytest.fixture
def node() -> Iterator[Open]:
    """Opens what would be processes on several machines."""
    opened: list[Auth] = []

    def open_one(urls: dict[str, str], **changes: Any) -> Auth:
        settings = {
            "secret": ("s" * 32,),
            "revocation_push": True,
            "revocation_interval": INTERVAL,
            "revocation_max_age": 600.0,
        }
        opened.append(Auth(settings=Settings(**settings | urls | changes)))
        return opened[-1]

    yield open_one
    for auth in opened:
        auth.close()


def until(condition: Callable[[], object], patience: float = SOON) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a thread has to get somewhere


def is_ended(auth: Auth, access_token: str) -> bool:
    try:
        auth.authenticate(access_token)
    except SessionEnded:
        return True
    return False


def is_listening(auth: Auth) -> bool:
    """Whether its thread has come so far that what is announced reaches it."""
    announcements: Any = auth.stores.announcements
    announcements.announce()
    polled = auth.revocation_status().staleness
    time.sleep(0.05)  # a thread has to get somewhere
    return auth.revocation_status().staleness < polled


def test_a_logout_holds_on_another_node_before_its_next_poll(urls: dict[str, str], node: Open) -> None:
    here, elsewhere = node(urls, revocation_interval=6.0), node(urls, revocation_interval=6.0)
    session = here.start("alice").access_token
    elsewhere.authenticate(session)
    until(lambda: is_listening(elsewhere))
    kept = here.start("alice").access_token
    elsewhere.authenticate(kept)
    here.logout(session)
    until(lambda: is_ended(elsewhere, session), patience=4)
    assert not is_ended(elsewhere, kept)


def test_many_logouts_at_once_are_few_polls(postgres_urls: dict[str, str], node: Open) -> None:
    here, stores = node(postgres_urls), open_sql_stores(postgres_urls["database_url"])
    sessions = CountingSessions(stores.backends[0])
    revocations = Revocations(
        sessions, interval=4.0, max_age=600.0, grace=30.0, announcements=stores.announcements
    )
    with closing(stores), closing(revocations):
        revocations.ensure_fresh()
        ended = [here.start("alice") for _ in range(20)]
        for session in ended:
            here.logout(session.access_token)
        until(lambda: revocations.read_status().known_ends == 20)
        assert sessions.polls <= 6


def test_where_nobody_announces_the_next_poll_brings_it(postgres_urls: dict[str, str], node: Open) -> None:
    here = node(postgres_urls, revocation_push=False)
    elsewhere = node(postgres_urls, revocation_interval=0.2)
    session = here.start("alice").access_token
    elsewhere.authenticate(session)
    here.logout(session)
    until(lambda: is_ended(elsewhere, session))


def test_a_postgres_connection_that_was_lost_is_replaced(
    postgres_urls: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres_urls["database_url"]

    def lose() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s",
                [f"LISTEN {CHANNEL}"],
            )

    with closing(open_sql_stores(url)) as stores:
        assert_replaced(stores, lose, caplog)


def test_a_redis_connection_that_was_lost_is_replaced(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        closing(open_redis_stores(redis_server.url)) as stores,
        closing(Redis.from_url(redis_server.url)) as client,
    ):
        assert_replaced(stores, partial(client.client_kill_filter, _type="pubsub"), caplog)


def assert_replaced(stores: Stores, lose: Callable[[], object], caplog: pytest.LogCaptureFixture) -> None:
    announcements = stores.announcements
    assert announcements is not None
    announcements.wait(0.2, threading.Event())
    lose()
    with caplog.at_level(logging.INFO, "watchword.stores"):
        assert 0.3 <= measure_seconds(lambda: announcements.wait(0.3, threading.Event())) < SOON, (
            "and goes on"
        )
    assert "do not arrive" in caplog.text
    announcements.wait(0.2, threading.Event())
    announcements.announce()
    assert measure_seconds(lambda: announcements.wait(INTERVAL, threading.Event())) < SOON


def test_a_server_that_is_gone_does_not_keep_an_end_from_being_made(mortal_postgres: PostgresServer) -> None:
    with closing(open_sql_stores(mortal_postgres.new_database())) as stores:
        announcements = stores.announcements
        assert announcements is not None
        announcements.wait(0.2, threading.Event())
        mortal_postgres.kill()
        announcements.announce()
        assert 0.3 <= measure_seconds(lambda: announcements.wait(0.3, threading.Event())) < SOON
        mortal_postgres.start()
        announcements.wait(0.2, threading.Event())
        announcements.announce()
        assert measure_seconds(lambda: announcements.wait(INTERVAL, threading.Event())) < SOON


def test_a_cluster_that_is_gone_is_no_error_to_who_waits(redis_executable: str, tmp_path: Path) -> None:
    cluster = RedisCluster(redis_executable, tmp_path)
    with closing(open_redis_stores(cluster.url)) as stores:
        cluster.stop()
        stores.close()  # so that it has to be found anew
        stores.announcements.announce()
        assert 0.3 <= measure_seconds(lambda: stores.announcements.wait(0.3, threading.Event())) < SOON


def test_a_forked_child_hears_on_a_connection_of_its_own(urls: dict[str, str], node: Open) -> None:
    announcements = node(urls).stores.announcements
    assert announcements is not None
    announcements.wait(0.2, threading.Event())

    def work() -> bool:
        announcements.wait(0.2, threading.Event())
        announcements.announce()
        return hears(announcements)

    assert answer_of_child(work), "on a connection of its own"
    assert hears(announcements), "what the child announced, on the connection that was there before"


def hears(announcements: Announcements) -> bool:
    return measure_seconds(lambda: announcements.wait(INTERVAL, threading.Event())) < SOON


def test_a_file_announces_nothing_and_says_so_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="revocation_push: PostgreSQL and Redis"):
        Auth(f"sqlite:///{tmp_path}/watchword.db", settings=Settings(revocation_push=True))


class CountingSessions(SqlSessions):
    """Real sessions that count polls."""

    polls = 0

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        self.polls += 1
        return super().poll(identity, position, grace=grace)
