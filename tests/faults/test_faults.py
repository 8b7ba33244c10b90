"""Servers and databases killed, frozen and cut off under load: nothing that was acknowledged comes undone.

Each fault once in `make test`; one after the other for SOAK_SECONDS in `make soak`, and for longer each.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

from backing import PAUSE, SOAK_SECONDS
from clients import Auditor, Client
from fleet import SEEN_WITHIN, Fleet
from ledger import Ledger, generation, session
from server_faults import SERVERS
from watchword_servers import starting, until

SEED = 5
CLIENTS = 4
STORES = 4
WINDOW = 2 * PAUSE  # whoever has no answer for so long comes back within it
ENVIRONMENT = {
    "WATCHWORD_SECRET": "s" * 32,
    "WATCHWORD_REFRESH_WINDOW": str(WINDOW),
    "WATCHWORD_REVOCATION_INTERVAL": "0.5",  # what is late here is late by a second, and not by the machine
    # all are one account, and a login that the store's end cut short stays charged as if it had failed
    "WATCHWORD_LOGIN_FAILURES": "1000",
    "WATCHWORD_MAX_SESSIONS": "100000",  # logins whose answer was lost are sessions, too
}


def test_nothing_that_was_acknowledged_on_sqlite_comes_undone(sqlite, tmp_path):
    stand_fast(sqlite, tmp_path)


def test_nothing_that_was_acknowledged_on_postgresql_comes_undone(postgresql, tmp_path):
    stand_fast(postgresql, tmp_path)


def test_nothing_that_was_acknowledged_on_redis_comes_undone(redis, tmp_path):
    stand_fast(redis, tmp_path)


def test_nothing_that_was_acknowledged_by_a_redis_replica_comes_undone(redis_with_a_replica, tmp_path):
    stand_fast(redis_with_a_replica, tmp_path)


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
        for server in fleet.servers:
            assert "Traceback" not in server.log
    with closing(backing.open()) as stores:
        for logout in ledger.logouts:
            row = stores.sessions.find_session(session(logout.tokens))
            assert row is None or row.session.ended_at is not None
        for client in clients:
            if client.tokens is not None and not client.logging_out:
                row = stores.sessions.find_session(session(client.tokens)).session
                assert row.ended_at is None
                assert row.generation - generation(client.tokens) in {0, 1}, "the last answer may be lost"
        swaps = Counter(event["session"] for server in fleet.servers for event in server.events("refresh"))
        for session_id, swapped in swaps.items():
            row = stores.sessions.find_session(session_id)
            assert row is None or swapped < row.session.generation, (
                "one swap for each generation, or it forks"
            )


def faults(known, rng):
    """All of them, in some order; in a soak again and again, with those of servers on every store."""
    if SOAK_SECONDS:
        known = tuple(dict.fromkeys([*known, *SERVERS]))
    until_then = time.monotonic() + SOAK_SECONDS / STORES
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
