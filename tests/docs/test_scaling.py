"""docs/scaling.md says what the code does."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from redis_servers import RedisCluster, RedisServer, open_redis_stores
from sqlalchemy import make_url

from watchword.accounts import LoginThrottle
from watchword.errors import StoreUnavailable
from watchword.settings import Settings
from watchword.stores.redis.url import make_client_factory
from watchword.stores.sql.postgres import PostgresDatabase
from watchword.testing.store_contract.announcements import measure_seconds
from watchword.testing.store_contract.keys import insert_key
from watchword.testing.store_contract.session_calls import start, swap

PAGE = Path("docs/scaling.md").read_text("utf-8")
POSTGRES_URLS = re.findall(r"postgresql://[^\s\"]+", PAGE)
URLS = re.findall(r"`(rediss?(?:\+\w+)?://[^`.]+)`", PAGE)


def test_the_page_has_a_url_of_each_kind() -> None:
    assert len(URLS) == 3


@pytest.mark.parametrize("url", URLS)
def test_a_url_of_the_page_is_understood(url: str) -> None:
    for scheme in ("redis", "rediss"):
        make_client_factory(url.replace("redis", scheme, 1))


@pytest.mark.parametrize("url", POSTGRES_URLS)
def test_a_url_of_postgresql_is_understood(url: str) -> None:
    PostgresDatabase(make_url(url)).close()


@pytest.mark.parametrize("kind", ["server", "server/2", "cluster"])
def test_a_user_with_the_rights_of_the_page_can_do_everything(
    kind: str, redis_server: RedisServer, redis_cluster: RedisCluster
) -> None:
    keys, rights = re.findall(r"needs the keys `([^`]+)` and\s+`([^`]+)`", PAGE)[0]
    channel, more = re.findall(r"needs the channel `([^`]+)` and `([^`]+)`", PAGE)[0]
    server = redis_cluster if kind == "cluster" else redis_server
    allowed = f"~{keys}", *rights.split(), "resetchannels", f"&{channel}", *more.split()
    server.ask("ACL", "SETUSER", "watchword", "reset", "on", ">password", *allowed)
    _, slash, database = kind.partition("/")
    url = server.url.replace("://", "://watchword:password@") + slash + database
    with closing(open_redis_stores(url)) as stores:
        for answer in stores.backends[0].ask(lambda master: master.wait(0, 1)):
            assert answer == 0
        session, other = start(stores.sessions), start(stores.sessions)
        assert swap(stores.sessions, session.id, 1) is not None
        assert stores.sessions.end_session(session.id, "logout") is not None
        assert stores.sessions.end_sessions(other.subject, "logout_all")
        assert len(stores.sessions.poll(None, None, grace=30).ends) == 2
        assert insert_key(stores.keys, 1, "kid")
        throttle = LoginThrottle(stores.throttles, key=b"k" * 32, settings=Settings(login_failures=1))
        for settle in (throttle.record_failure, throttle.record_success, throttle.refund):
            settle(throttle.admit(settle.__name__, "192.0.2.1"))
        assert stores.one_time.spend("key", "attempt", keep_until=stores.now() + 10)
        stores.announcements.wait(0.3, threading.Event())
        stores.announcements.announce()
        assert measure_seconds(lambda: stores.announcements.wait(30, threading.Event())) < 10


def test_a_user_that_lacks_a_right_is_refused_with_the_command_and_where_the_rights_are_listed(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    keys, rights = re.findall(r"needs the keys `([^`]+)` and\s+`([^`]+)`", PAGE)[0]
    allowed = f"~{keys}", *rights.replace("+select ", "").split()
    redis_server.ask("ACL", "SETUSER", "watchword", "reset", "on", ">password", *allowed)
    with pytest.raises(StoreUnavailable):
        open_redis_stores(redis_server.url.replace("://", "://watchword:password@") + "/2")
    assert "'select'" in caplog.text
    assert "the rights that docs/scaling.md lists" in caplog.text


def test_the_settings_of_the_page_are_not_warned_of(
    start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    block = re.findall(r"### How Redis has to be set\n\n```\n(.*?)```", PAGE, re.DOTALL)[0]
    options = [word for line in block.splitlines() for word in (f"--{line.split()[0]}", line.split()[1])]
    with closing(open_redis_stores(start_redis(*options).url)):
        assert not caplog.records
