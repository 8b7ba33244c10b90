"""Redis' own faults and habits; what every store promises is held in test_contract."""

from __future__ import annotations

import logging
import math
import re
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hard_forks import answer_of_child
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis_servers import Proxy, RedisCluster, RedisServer, free_port, open_redis_stores, until

from watchword.errors import InvalidSettings, StoreUnavailable
from watchword.sessions.rotation import RefreshDecision, decide_refresh, rotate
from watchword.stores import Stores
from watchword.stores.contract import (
    LoginCounter,
    LoginCounters,
    Session,
    SessionEnd,
    SessionTimes,
    find_shard,
    make_session_id,
)
from watchword.stores.redis import connection as redis_connection
from watchword.stores.redis import url as redis_url
from watchword.testing.store_contract.keys import insert_key
from watchword.testing.store_contract.session_calls import (
    DETAILS,
    TIMES,
    make_new_session,
    start,
    swap,
)

StartRedis = Callable[..., RedisServer]


@pytest.fixture
def stores(redis_server: RedisServer) -> Iterator[Stores]:
    with closing(open_redis_stores(redis_server.url)) as opened:
        yield opened


@pytest.fixture
def open_store() -> Iterator[Callable[..., Stores]]:
    opened: list[Stores] = []

    def open_one(url: str, **options: Any) -> Stores:
        opened.append(open_redis_stores(url, **options))
        return opened[-1]

    yield open_one
    for stores in opened:
        stores.close()


def ends(stores: Stores, identity: str | None = None, position: int | None = None) -> set[str]:
    return {end.session_id for end in stores.sessions.poll(identity, position, grace=30).ends}


# -- a server that dies ------------------------------------------------------------------------------


def test_what_was_acknowledged_survives_kill_9_and_service_resumes_by_itself(
    start_redis: StartRedis, open_store: Callable[..., Stores]
) -> None:
    server = start_redis()
    stores = open_store(server.url)
    kept, ended = start(stores.sessions), start(stores.sessions)
    stores.sessions.end_session(ended.id, "logout")
    assert stores.one_time.spend("key", "attempt", keep_until=stores.now() + 100)
    before = stores.sessions.poll(None, None, grace=30)

    server.kill()
    with pytest.raises(StoreUnavailable):
        stores.sessions.find_session(kept.id)
    with pytest.raises(StoreUnavailable):
        stores.sessions.poll(before.identity, before.position, grace=30)

    server.start()
    assert stores.sessions.find_session(kept.id).session == kept
    assert not stores.one_time.spend("key", "another", keep_until=stores.now() + 100)
    assert swap(stores.sessions, ended.id, 1) is None
    after = stores.sessions.poll(before.identity, before.position, grace=30)
    assert {end.session_id for end in after.ends} == {ended.id}, "all that is in force is told again"
    assert after.identity != before.identity


def test_a_restart_between_two_operations_is_not_noticed(
    start_redis: StartRedis, open_store: Callable[..., Stores]
) -> None:
    server = start_redis()
    stores = open_store(server.url)
    session = start(stores.sessions)
    server.kill()
    server.start()
    assert stores.sessions.find_session(session.id).session == session


def test_scripts_that_the_server_has_forgotten_are_told_again(
    stores: Stores, redis_server: RedisServer
) -> None:
    session = start(stores.sessions)
    feed = stores.sessions.poll(None, None, grace=30)
    redis_server.ask("SCRIPT", "FLUSH")
    assert stores.sessions.end_session(session.id, "logout") is not None
    redis_server.ask("SCRIPT", "FLUSH")
    assert ends(stores, feed.identity, feed.position) == {session.id}


def test_an_older_dump_is_another_store_and_all_of_it_is_read_again(
    start_redis: StartRedis, open_store: Callable[..., Stores]
) -> None:
    server = start_redis("--appendonly", "no")
    stores = open_store(server.url)
    sessions = [start(stores.sessions, f"subject {number}") for number in range(8)]
    for session in sessions[:4]:
        stores.sessions.end_session(session.id, "logout")
    server.ask("SAVE")
    for session in sessions[4:]:
        stores.sessions.end_session(session.id, "logout")
    known = stores.sessions.poll(None, None, grace=30)
    server.kill()
    server.start()

    again = stores.sessions.poll(known.identity, known.position, grace=30)
    assert {end.session_id for end in again.ends} == {session.id for session in sessions[:4]}
    stores.sessions.end_session(sessions[4].id, "logout")
    assert ends(stores, again.identity, again.position) == {sessions[4].id}


def test_a_memory_that_was_wiped_counts_on_beyond_what_it_had_handed_out(
    stores: Stores, redis_server: RedisServer
) -> None:
    stores.sessions.end_session(start(stores.sessions).id, "logout")
    known = stores.sessions.poll(None, None, grace=30)
    redis_server.ask("FLUSHALL")
    session = start(stores.sessions)
    stores.sessions.end_session(session.id, "logout")
    assert ends(stores, known.identity, known.position) == {session.id}


def test_a_server_that_hangs_is_given_up(
    start_redis: StartRedis, open_store: Callable[..., Stores], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_url, "ANSWER_TIMEOUT", 0.2)
    server = start_redis()
    stores = open_store(server.url)
    server.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            stores.now()
        assert time.monotonic() - began < 2
    finally:
        server.process.send_signal(signal.SIGCONT)
    until(lambda: stores.now() > 0, lambda: "it goes on")


# -- a connection that breaks --------------------------------------------------------------------------


def test_an_answer_that_is_lost_is_asked_for_once_more(
    redis_server: RedisServer, start_proxy: Callable[..., Proxy], open_store: Callable[..., Stores]
) -> None:
    proxy = start_proxy(redis_server.port)
    stores = open_store(f"redis://127.0.0.1:{proxy.port}")
    new = make_new_session()
    known = make_new_session(
        "bob"
    )  # makes the scripts known, so that it is not "no such script" that gets lost
    stores.sessions.start_session(known, TIMES, max_live=1, mark=stores.sessions.read_mark())
    swap(stores.sessions, known.id, 1)
    stores.one_time.spend("another key", "attempt", keep_until=stores.now() + 100)
    insert_key(stores.keys, 1, "another kid", "internal")
    stores.sessions.end_session(known.id, "logout")
    ends(stores)

    def losing(operation: Callable[[], Any]) -> Any:
        proxy.to_lose = 1
        result = operation()
        assert proxy.to_lose == 0
        return result

    timed, _ = losing(
        lambda: stores.sessions.start_session(new, TIMES, max_live=1, mark=stores.sessions.read_mark())
    )
    assert timed.session.id == new.id
    assert losing(lambda: swap(stores.sessions, new.id, 1)) is None, (
        "the second attempt finds the first one's swap"
    )
    assert stores.sessions.find_session(new.id).session.generation == 2
    assert losing(lambda: stores.one_time.spend("key", "attempt", keep_until=stores.now() + 100))
    assert losing(lambda: insert_key(stores.keys, 1, "kid"))
    assert losing(lambda: stores.sessions.end_session(new.id, "logout")) is None
    assert losing(lambda: ends(stores)) == {known.id, new.id}


def test_nothing_is_tried_more_than_twice(
    redis_server: RedisServer, start_proxy: Callable[..., Proxy], open_store: Callable[..., Stores]
) -> None:
    proxy = start_proxy(redis_server.port)
    stores = open_store(f"redis://127.0.0.1:{proxy.port}")
    proxy.to_lose = 10
    with pytest.raises(StoreUnavailable):
        stores.now()
    assert proxy.to_lose == 8


# -- fail-over -------------------------------------------------------------------------------------------


def replica_of(master: RedisServer, start_redis: StartRedis) -> RedisServer:
    replica = start_redis("--replicaof", "127.0.0.1", str(master.port))

    with master.client() as client:
        until(lambda: client.wait(1, 100) == 1, lambda: f"it follows\n{replica.log}")
    return replica


def test_no_end_that_a_replica_has_acknowledged_is_lost_with_the_master(
    start_redis: StartRedis, open_store: Callable[..., Stores]
) -> None:
    master = start_redis()
    replica = replica_of(master, start_redis)
    stores = open_store(master.url, wait_replicas=1)
    singly, together, living = ([start(stores.sessions, f"{name} {i}") for i in range(20)] for name in "abc")
    known = stores.sessions.poll(None, None, grace=30)
    with master.client() as client:
        client.wait(1, 1_000)
    for session in singly:
        assert stores.sessions.end_session(session.id, "logout") is not None
    for session in together:
        assert stores.sessions.end_sessions(session.subject, "logout_all")
    master.kill()
    replica.ask("REPLICAOF", "NO", "ONE")

    promoted = open_store(replica.url)
    assert ends(promoted, known.identity, known.position) == {session.id for session in singly + together}
    for session in singly + together:
        assert swap(promoted.sessions, session.id, 1) is None
    for session in living:
        assert swap(promoted.sessions, session.id, 1) is not None


def test_an_end_that_no_replica_has_is_not_acknowledged_nor_is_its_repeat(
    start_redis: StartRedis,
    open_store: Callable[..., Stores],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(redis_connection, "REPLICAS_ANSWER_WITHIN", 0.1)
    master = start_redis()
    replica = replica_of(master, start_redis)
    stores = open_store(master.url, wait_replicas=1)
    session = start(stores.sessions)
    replica.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                stores.sessions.end_session(session.id, "logout")
        assert "replicas" in caplog.text
    finally:
        replica.process.send_signal(signal.SIGCONT)
    until(lambda: acknowledges(stores, session), lambda: "the replica has caught up")
    assert stores.sessions.find_session(session.id).session.end_reason == "logout"


def acknowledges(stores: Stores, session: Session) -> bool:
    with suppress(StoreUnavailable):
        stores.sessions.end_session(session.id, "logout")
        return True
    return False


def test_a_cluster_waits_for_the_replica_of_the_right_master(
    redis_cluster: RedisCluster, open_store: Callable[..., Stores], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connection, "REPLICAS_ANSWER_WITHIN", 0.1)
    stores = open_store(redis_cluster.url, wait_replicas=1)
    session = start(stores.sessions)
    with pytest.raises(StoreUnavailable):
        stores.sessions.end_session(session.id, "logout")
    assert ends(stores) == {session.id}


def test_sentinel_names_the_master_before_and_after_a_fail_over(
    start_redis: StartRedis, open_store: Callable[..., Stores]
) -> None:
    master = start_redis()
    replica_of(master, start_redis)
    sentinel = start_redis(
        sentinel=f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds main 300\n"
        "sentinel failover-timeout main 2000\n"
    )
    until(lambda: len(sentinel.ask("SENTINEL", "REPLICAS", "main")) == 1, lambda: sentinel.log)

    stores = open_store(f"redis+sentinel://127.0.0.1:{sentinel.port}/main/2", wait_replicas=1)
    session = start(stores.sessions)
    assert stores.sessions.end_session(session.id, "logout") is not None
    known = stores.sessions.poll(None, None, grace=30)
    master.kill()
    until(lambda: is_known_as_ended(stores, session), lambda: sentinel.log)
    assert stores.sessions.poll(None, None, grace=30).identity != known.identity


def is_known_as_ended(stores: Stores, session: Session) -> bool:
    with suppress(StoreUnavailable):
        return ends(stores) == {session.id} and swap(stores.sessions, session.id, 1) is None
    return False


# -- a cluster -------------------------------------------------------------------------------------------


def test_subjects_are_spread_over_the_masters_and_each_ones_sessions_are_together(
    redis_cluster: RedisCluster, open_store: Callable[..., Stores]
) -> None:
    stores = open_store(redis_cluster.url)
    sessions = [start(stores.sessions, f"subject {number}") for number in range(64) for _ in "12"]
    sizes = redis_cluster.ask("DBSIZE")
    assert all(size > 10 for size in sizes)
    feed = stores.sessions.poll(None, None, grace=30)
    for session in sessions[::2]:
        assert len(stores.sessions.end_sessions(session.subject, "logout_all")) == 2
    assert ends(stores, feed.identity, feed.position) == {session.id for session in sessions}


def test_a_slot_that_moves_is_refused_and_found_again_where_it_arrives(
    redis_executable: str, tmp_path: Path, open_store: Callable[..., Stores]
) -> None:
    cluster = RedisCluster(redis_executable, tmp_path)
    try:
        stores = open_store(cluster.url)
        other = open_store(cluster.url)
        session = start(stores.sessions)
        feed = other.sessions.poll(None, None, grace=30)
        for _ in cluster.moving(find_shard(session.subject)):
            with pytest.raises(StoreUnavailable):
                stores.sessions.end_session(session.id, "logout")
            with pytest.raises(StoreUnavailable):
                other.sessions.poll(None, None, grace=30)
        assert stores.sessions.end_session(session.id, "logout") is not None
        assert ends(other, feed.identity, feed.position) == {session.id}
    finally:
        cluster.stop()


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_cluster_fails_over_and_no_end_that_was_waited_for_is_lost(
    blow: signal.Signals,
    redis_executable: str,
    tmp_path: Path,
    start_redis: StartRedis,
    open_store: Callable[..., Stores],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_url, "ANSWER_TIMEOUT", 1.5)
    cluster = RedisCluster(redis_executable, tmp_path / "cluster", node_timeout=1_000)
    try:
        shard = find_shard("alice")
        cluster.replica(shard, start_redis)
        stores = open_store(cluster.url, wait_replicas=1)
        ended, living = [start(stores.sessions) for _ in range(10)], start(stores.sessions)
        for session in ended:
            assert stores.sessions.end_session(session.id, "logout") is not None
        known = stores.sessions.poll(None, None, grace=30)
        cluster.owner(shard).process.send_signal(blow)
        until(lambda: ends_are(stores, ended), lambda: "the replica has taken over")
        assert ends(stores, known.identity, known.position) == {session.id for session in ended}
        assert swap(stores.sessions, living.id, 1) is not None
    finally:
        cluster.stop()


def ends_are(stores: Stores, sessions: list[Session]) -> bool:
    with suppress(StoreUnavailable):
        return ends(stores) == {session.id for session in sessions}
    return False


def test_a_slot_that_nobody_seems_to_have_is_looked_for(
    redis_cluster: RedisCluster, open_store: Callable[..., Stores]
) -> None:
    stores = open_store(redis_cluster.url)
    session = start(stores.sessions)
    stores.backends[0]._obtain_client().nodes_manager.slots_cache.clear()
    assert stores.sessions.find_session(session.id).session == session


# -- time, and what is kept for how long -----------------------------------------------------------------


def test_the_time_is_that_of_redis_and_not_of_this_process(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = time.time()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert start(stores.sessions).created_at == pytest.approx(before, abs=10)
    assert stores.now() == pytest.approx(before, abs=10)


def test_whatever_grows_with_use_goes_by_itself(stores: Stores, redis_server: RedisServer) -> None:
    short = SessionTimes(access=100, idle=100, absolute=20_000, window=30)
    lives, ended = start(stores.sessions, times=short), start(stores.sessions)
    swap(stores.sessions, lives.id, 1)  # with longer times
    stores.sessions.end_session(ended.id, "logout")
    insert_key(stores.keys, 1, "kid")
    for counter in (LoginCounter("own", 5, 60), LoginCounter("long delay", -9, 200)):
        stores.throttles.admit(LoginCounters("alice", counter), forget_after=100)
    stores.throttles.record_success("alice", own="other", shared=None, device="device", lifetime=100)
    stores.throttles.hit("address", 100)
    stores.one_time.spend("spent", "attempt", keep_until=stores.now() + 100)
    shard = f"watchword:{{{find_shard('alice')}}}"
    with redis_server.client() as client:
        seconds_left = {key: client.ttl(key) for key in client.scan_iter()}
    forever = {key for key, seconds in seconds_left.items() if seconds == -1}
    assert forever == {f"{shard}:sequence", "watchword:{0}:keys", "watchword:{0}:key_version"}
    of_the_session = TIMES.idle + 300 + 120
    of_the_end = TIMES.access + 300 + 120
    assert {key: seconds for key, seconds in seconds_left.items() if key not in forever} == {
        f"{shard}:session:{lives.id}": pytest.approx(of_the_session, abs=5),
        f"{shard}:subject:alice": pytest.approx(of_the_session, abs=5),
        f"{shard}:session:{ended.id}": pytest.approx(of_the_end, abs=5),
        f"{shard}:feed": pytest.approx(of_the_end, abs=5),
        f"{shard}:feed_until": pytest.approx(of_the_end, abs=5),
        "watchword:throttle:{alice}:own": pytest.approx(100, abs=5),
        "watchword:throttle:{alice}:long delay": pytest.approx(200, abs=5),
        "watchword:throttle:{alice}:device": pytest.approx(100, abs=5),
        "watchword:hits:address": pytest.approx(100, abs=5),
        "watchword:spent:spent": pytest.approx(100, abs=5),
    }


def test_a_session_that_redis_has_lost_is_in_the_feed_once_however_often_its_end_is_recorded(
    stores: Stores, redis_server: RedisServer
) -> None:
    session_id, now = make_session_id("alice"), math.floor(stores.now())
    for seconds in (100, 300, *range(200, 220)):
        stores.sessions.record_end(session_id, "logout", now + seconds)
    feed = stores.sessions.poll(None, None, grace=0)
    assert feed.ends == (SessionEnd(session_id, now + 300),)
    with redis_server.client() as client:
        shard = f"watchword:{{{find_shard('alice')}}}"
        assert [client.zcard(f"{shard}:{name}") for name in ("feed", "feed_until")] == [1, 1]
        assert 0 < client.ttl(f"{shard}:lost:{session_id}") <= 300 + 300 + 120


def test_entries_leave_the_feed_when_no_token_can_need_them(
    stores: Stores, redis_server: RedisServer
) -> None:
    first = start(stores.sessions)
    stores.sessions.end_session(first.id, "logout")
    stores.sessions.time_shift = TIMES.access + 300 + 120 + 2
    second = start(stores.sessions)
    stores.sessions.end_session(second.id, "logout")
    shard = f"watchword:{{{find_shard('alice')}}}"
    for key in ("feed", "feed_until"):
        entries = redis_server.ask("ZRANGE", f"{shard}:{key}", 0, -1)
        assert [entry.split(" ")[1] for entry in entries] == [second.id]


def test_what_has_expired_leaves_its_subjects_index_at_the_next_login(
    stores: Stores, redis_server: RedisServer
) -> None:
    gone = start(stores.sessions)
    shard = f"watchword:{{{find_shard('alice')}}}"
    redis_server.ask("DEL", f"{shard}:session:{gone.id}")
    assert stores.sessions.list_live_sessions("alice") == []
    session = start(stores.sessions)
    assert redis_server.ask("ZRANGE", f"{shard}:subject:alice", 0, -1) == [session.id]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    generation=st.integers(1, 6),
    good_for=st.sampled_from([-100, 100, 700, 1_500]),
    since_swap=st.none() | st.sampled_from([0, 10, 20, 40, 50]),
    until_end=st.sampled_from([-100, -10, 10, 100]),
    ended=st.booleans(),
    lifetime=st.none() | st.sampled_from([1, 500, 20_000]),
)
def test_redis_swaps_exactly_where_the_decision_is_to_rotate_and_to_the_row_that_was_foreseen(
    stores: Stores,
    redis_server: RedisServer,
    generation: int,
    good_for: int,
    since_swap: int | None,
    until_end: int,
    ended: bool,
    lifetime: int | None,
) -> None:
    times = SessionTimes(access=600, idle=1_000, absolute=10_000, window=30)
    session, now = start(stores.sessions), stores.now()
    changes = {"generation": 4, "expires_at": now + until_end, "access_until": math.floor(now) + good_for}
    changes |= {} if since_swap is None else {"refreshed_at": now - since_swap}
    changes |= {"ended_at": now} if ended else {}
    changes |= {} if lifetime is None else {"lifetime": lifetime}
    key = f"watchword:{{{find_shard('alice')}}}:session:{session.id}"
    redis_server.ask("HSET", key, *(text for change in changes.items() for text in change))
    found = stores.sessions.find_session(session.id).session
    rotates = decide_refresh(found, generation, now=now, window=30)
    swapped = swap(stores.sessions, session.id, generation, times)
    assert (swapped is not None) == (rotates is RefreshDecision.ROTATE)
    if swapped is not None:
        foreseen = rotate(found, generation, times, now=swapped.now)
        assert swapped.session == msgspec.structs.replace(foreseen, **msgspec.structs.asdict(DETAILS))


def test_an_id_that_was_not_made_for_its_subject_is_refused(stores: Stores) -> None:
    elsewhere = next(name for name in map(str, range(100)) if find_shard(name) != find_shard("alice"))
    with pytest.raises(ValueError, match="make_session_id"):
        stores.sessions.start_session(
            make_new_session(id=make_session_id(elsewhere)),
            TIMES,
            max_live=100,
            mark=stores.sessions.read_mark(),
        )


@pytest.mark.parametrize("session_id", ["", "unknown", "}", "{1}\r\n", "a" * 5_000])
def test_an_id_of_any_form_is_looked_for(stores: Stores, session_id: str) -> None:
    assert stores.sessions.find_session(session_id) is None
    assert swap(stores.sessions, session_id, 1) is None
    assert stores.sessions.end_session(session_id, "logout") is None


@pytest.mark.parametrize("subject", ["{1}", "a} {b", "", "ö\n", "x" * 2_000])
def test_a_subject_of_any_form_has_its_sessions(
    redis_cluster: RedisCluster, open_store: Callable[..., Stores], subject: str
) -> None:
    stores = open_store(redis_cluster.url)
    session = start(stores.sessions, subject)
    assert stores.sessions.list_live_sessions(subject) == [session]
    assert [ended.id for ended in stores.sessions.end_sessions(subject, "logout_all")] == [session.id]
    assert ends(stores) == {session.id}


# -- processes -------------------------------------------------------------------------------------------


def test_a_forked_child_has_connections_of_its_own(stores: Stores) -> None:
    session = start(stores.sessions)

    def work() -> bool:
        return all(stores.sessions.find_session(session.id).session == session for _ in range(200))

    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(work)
        assert answer_of_child(work)
    assert done.result()


def test_a_forked_child_does_not_wait_for_what_the_parent_was_doing(
    redis_cluster: RedisCluster, open_store: Callable[..., Stores]
) -> None:
    stores = open_store(redis_cluster.url)
    session = start(stores.sessions)
    lock = stores.backends[0]._obtain_client().nodes_manager._initialization_lock
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)

    def work() -> bool:
        stores.backends[0]._forget_connections()
        return stores.sessions.find_session(session.id).session == session

    assert answer_of_child(work)
    done.set()
    holder.join()


def test_a_closed_store_opens_again_when_it_is_used(stores: Stores) -> None:
    stores.close()
    stores.close()
    assert stores.backends[0].now() > 0


# -- how it is set ---------------------------------------------------------------------------------------


def test_a_server_that_keeps_what_it_is_told_is_not_warned_of(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    assert not caplog.records


def test_a_server_that_may_forget_is_warned_of_when_the_store_is_opened(
    start_redis: StartRedis, open_store: Callable[..., Stores], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
    open_store(server.url)
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [
        word in message for word, message in zip(("appendonly", "allkeys-lru"), messages, strict=True)
    ] == [
        True,
        True,
    ]


def test_a_wrong_password_is_told_in_the_log_without_it(
    start_redis: StartRedis, open_store: Callable[..., Stores], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis("--requirepass", "right one")
    open_store(f"redis://:right%20one@127.0.0.1:{server.port}/3")
    open_store(f"redis://default:right%20one@127.0.0.1:{server.port}")
    for url in ("redis://:swordfish@", "redis://default:swordfish@", "redis://"):
        caplog.clear()
        with pytest.raises(StoreUnavailable) as caught:
            open_store(f"{url}127.0.0.1:{server.port}")
        assert caught.value.__cause__ is None
        (record,) = caplog.records
        assert re.search("password|[Aa]uthentication", record.getMessage())
        assert "swordfish" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://user:swordfish@host:port/0",
        "redis://:swordfish@host/zero",
        "redis://:swordfish@one,two",
        "redis://:swordfish@",
        "redis://:swordfish@host?decode_responses=no",
        "redis://:swordfish@host?ssl_cert_reqs=none",
        "redis://:swordfish@host?sentinel_password=x",
        "redis://:swordfish@host#0",
        "redis+cluster://:swordfish@host/1",
        "redis+sentinel://:swordfish@host",
        "redis+sentinel://:swordfish@host/service/zero",
        "unix:///run/redis",
    ],
)
def test_a_url_of_no_redis_is_refused_naming_what_is_supported_and_not_itself(url: str) -> None:
    with pytest.raises(InvalidSettings, match=r"redis\+sentinel://") as caught:
        open_redis_stores(url)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster", "redis+sentinel"])
def test_nothing_that_answers_is_unavailable(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    service = "/main" if scheme == "redis+sentinel" else ""
    with pytest.raises(StoreUnavailable):
        open_redis_stores(f"{scheme}://user:swordfish@127.0.0.1:{free_port()}{service}")
    assert caplog.records
    assert "swordfish" not in caplog.text


def test_rediss_is_tls_with_a_certificate_that_is_checked(
    redis_server: RedisServer,
    start_proxy: Callable[..., Proxy],
    open_store: Callable[..., Stores],
    certificate: Path,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    proxy = start_proxy(redis_server.port, tls)
    url = f"rediss://127.0.0.1:{proxy.port}"
    assert open_store(f"{url}?ssl_ca_certs={certificate}").now() > 0
    with pytest.raises(StoreUnavailable):
        open_store(url)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "redis.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
