"""Servers and databases killed, frozen and locked under load: nothing that was acknowledged comes undone.

Each fault once in `make test`; one after the other for SOAK_SECONDS in `make soak`, and for longer each.
"""

import contextlib
import os
import random
import signal
import socket
import sqlite3
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import NamedTuple

import psycopg
import pytest
from clients import Auditor, Client
from fleet import SEEN_WITHIN, Fleet
from ledger import Ledger, generation, session
from watchword_servers import starting, until

from watchword.sessions.revocations import LONGEST_PAUSE
from watchword.stores.opening import open_split_store, open_store

SEED = 5
CLIENTS = 4
SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
PAUSE = 12 if SOAK_SECONDS else 3  # seconds for which something is frozen, locked or away
WINDOW = 2 * PAUSE  # whoever has no answer for so long comes back within it
ENVIRONMENT = {
    "WATCHWORD_SECRET": "s" * 32,
    "WATCHWORD_REFRESH_WINDOW": str(WINDOW),
    "WATCHWORD_REVOCATION_INTERVAL": "0.5",  # what is late here is late by a second, and not by the machine
    # all are one account, and a login that the store's end cut short stays charged as if it had failed
    "WATCHWORD_LOGIN_FAILURES": "1000",
    "WATCHWORD_MAX_SESSIONS": "100000",  # logins whose answer was lost are sessions, too
}
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: the connection is not closed but reset


class Backing(NamedTuple):
    """Where the servers' state is.

    Attributes:
        environment: tells them.
        open: opens the same store.
        faults: what can be done to it.
    """

    environment: dict
    open: Callable
    faults: tuple


# -- what is done to servers -----------------------------------------------------------------------


def kill_a_server(fleet, rng):
    with fleet.hurt():
        node = rng.choice(fleet.nodes)
        node.server.kill()
        node.server = fleet.new_server()


def kill_a_worker(fleet, rng):
    with fleet.hurt():
        server = rng.choice(fleet.nodes).server
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: before[0] not in server.workers() and len(server.workers()) == 2, "it is replaced")


def freeze_a_node(fleet, rng):
    node = rng.choice(fleet.nodes)
    with fleet.hurt(node):
        node.server.freeze()
        time.sleep(PAUSE)
        node.server.thaw()


def hang_up(fleet, rng):
    """In the middle of a request, and before its answer: nobody else notices."""
    for _ in range(4):
        node = rng.choice(fleet.nodes)
        login = fleet.log_in(node)
        if login is None or login.status != 200:
            continue  # too many passwords at once
        tokens = login.json
        body = b'{"refresh_token": "%s"}' % tokens["refresh_token"].encode()
        for part in (body, body[: rng.randrange(len(body))]):
            with node.server.connection() as connection:
                connection.sendall(
                    b"POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body)
                )
                connection.sendall(part)
                time.sleep(rng.uniform(0, 0.01))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert fleet.refresh(rng.choice(fleet.nodes), tokens).status == 200


SERVERS = (kill_a_server, kill_a_worker, freeze_a_node, hang_up)


# -- what is done to stores ------------------------------------------------------------------------


@pytest.fixture
def sqlite(tmp_path):
    file = tmp_path / "watchword.db"

    def lock_the_database(fleet, _rng):
        with fleet.hurt(), closing(sqlite3.connect(file, isolation_level=None, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(PAUSE)
            connection.execute("ROLLBACK")

    url = f"sqlite:///{file}"
    return Backing({"DATABASE_URL": url}, partial(open_store, url), (lock_the_database, *SERVERS))


@pytest.fixture
def postgresql(mortal_postgres):
    url = mortal_postgres.new_database()

    def kill_the_database(fleet, _rng):
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE):
            mortal_postgres.kill()
            time.sleep(PAUSE / 2)
            mortal_postgres.start()

    def terminate_all_backends(_fleet, _rng):
        """Nobody notices: what was under way is done once more."""
        with psycopg.connect(url, autocommit=True) as connection:
            for _ in range(5):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
                time.sleep(0.5)

    def lock_the_sessions(fleet, _rng):
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE), psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE watchword_sessions IN ACCESS EXCLUSIVE MODE")
            time.sleep(PAUSE)

    faults = (kill_the_database, terminate_all_backends, lock_the_sessions)
    return Backing({"DATABASE_URL": url}, partial(open_store, url), faults)


@pytest.fixture
def redis(start_redis, tmp_path):
    server = start_redis()

    def kill_redis(fleet, _rng):
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE):
            server.kill()
            time.sleep(PAUSE / 2)
            server.start()

    urls = f"sqlite:///{tmp_path / 'watchword.db'}", server.url
    environment = dict(zip(("DATABASE_URL", "SESSIONS_URL"), urls, strict=True))
    return Backing(environment, partial(open_split_store, *urls), (kill_redis,))


# -- the tests -------------------------------------------------------------------------------------


def test_nothing_that_was_acknowledged_on_sqlite_comes_undone(sqlite, tmp_path):
    stand_fast(sqlite, tmp_path)


def test_nothing_that_was_acknowledged_on_postgresql_comes_undone(postgresql, tmp_path):
    stand_fast(postgresql, tmp_path)


def test_nothing_that_was_acknowledged_on_redis_comes_undone(redis, tmp_path):
    stand_fast(redis, tmp_path)


def stand_fast(backing, directory):
    """Every fault in turn, while clients come and go."""
    rng, ledger = random.Random(SEED), Ledger()
    with starting() as start:
        fleet = Fleet(
            partial(start, directory, "--workers", "2", **ENVIRONMENT, **backing.environment), ledger
        )
        clients = [
            Client(fleet, ledger, random.Random(f"{SEED} {number}"), window=WINDOW, stays=number % 2 == 0)
            for number in range(CLIENTS)
        ]
        auditor = Auditor(fleet, ledger, random.Random(SEED))
        with under_load([*clients, auditor]):
            for fault in faults(backing.faults, rng):
                before = len(ledger.logouts)
                until(lambda before=before: len(ledger.logouts) > before + 1, "people come and go")
                fault(fleet, rng)
                assert not ledger.broken, fault.__name__
        time.sleep(SEEN_WITHIN)
        for logout in ledger.logouts:
            for node in fleet.nodes:
                auditor.audit(logout, node)
        assert not ledger.broken
        assert all("Traceback" not in server.log for server in fleet.servers)
    with closing(backing.open()) as store:
        for logout in ledger.logouts:
            row = store.find_session(session(logout.tokens))
            assert row is None or row.session.ended_at is not None
        for client in clients:
            if client.tokens is not None and not client.logging_out:
                row = store.find_session(session(client.tokens)).session
                assert row.ended_at is None
                assert row.generation - generation(client.tokens) in {0, 1}, "the last answer may be lost"
        swaps = Counter(event["session"] for server in fleet.servers for event in server.events("refresh"))
        for session_id, swapped in swaps.items():
            row = store.find_session(session_id)
            assert row is None or swapped < row.session.generation, (
                "one swap for each generation, or it forks"
            )


def faults(known, rng):
    """All of them, in some order; in a soak again and again, with those of servers on every store."""
    if SOAK_SECONDS:
        known = tuple(dict.fromkeys([*known, *SERVERS]))
    until_then = time.monotonic() + SOAK_SECONDS / 3  # there are three stores
    while True:
        yield from rng.sample(known, len(known))
        if time.monotonic() >= until_then:
            return


@contextlib.contextmanager
def under_load(users):
    stopping = threading.Event()
    with ThreadPoolExecutor(len(users)) as threads:
        running = [threads.submit(user.run, stopping) for user in users]
        try:
            yield
        finally:
            stopping.set()
            for user in running:
                user.result(60)
