"""The store's swap, which is what a refresh asks of it, and the bare statement, on PostgreSQL and on SQLite.

Both write to the same table. Each thread has a session of its own and, where the statement is bare, a
connection of its own too; the store has its pool.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from cases import Batch
from watchword.stores import open_sql_stores
from watchword.stores.contract import NewSession, SessionDetails, SessionStore, SessionTimes

sys.path.append(str(Path(__file__).parents[2] / "tests" / "services"))
from postgres_servers import PostgresServer

TIMES = SessionTimes(access=600, idle=86_400, absolute=864_000, window=0)  # each swap swaps
DETAILS = SessionDetails(username="A", scopes=())
SWAPS = {"postgres": 50, "sqlite": 25}  # of each thread in a sample: some milliseconds
KEPT = 420  # seconds that a row outlives its session: the column is indexed, so it must be written here too

# the row that is swapped is read back, as a refresh needs it
BARE = """
UPDATE watchword_sessions SET
    generation = generation + 1, refreshed_at = ?, access_until = ?, expires_at = ?, keep_until = ?
WHERE id = ? AND generation = ? RETURNING *
"""

Swap = Callable[[int], object]
"""Swaps a session that is at that generation; what is there afterwards, if anything was swapped."""

_names = (f"session-{number}" for number in itertools.count(1))


def bare(database: str, threads: str) -> Batch:
    return _in_threads(
        database, int(threads), _bare_on_postgres if database == "postgres" else _bare_on_sqlite
    )


def swap(database: str, threads: str) -> Batch:
    return _in_threads(database, int(threads), _by_the_store)


def _in_threads(database: str, threads: int, prepared: Callable[[str, str], Swap]) -> Batch:
    """Seconds a swap while so many threads swap, each its own session."""
    swaps = [prepared(database, _new_session(database)) for _ in range(threads)]
    generations = [itertools.count(1) for _ in swaps]
    pool = ThreadPoolExecutor(threads)
    share = SWAPS[database]

    def run_one(swap: Swap, generation: itertools.count[int]) -> None:
        for _ in range(share):
            assert swap(next(generation)) is not None

    def run() -> float:
        started = time.perf_counter()
        for _ in pool.map(run_one, swaps, generations):
            pass
        return (time.perf_counter() - started) / (share * threads)

    run()  # connections are made, and psycopg prepares what it meets for the sixth time
    return Batch(run)


def _by_the_store(database: str, session_id: str) -> Swap:
    store = _store(database)
    return lambda generation: store.swap_session(session_id, generation, TIMES, DETAILS)


def _bare_on_postgres(_database: str, session_id: str) -> Swap:
    connection: psycopg.Connection[Any] = psycopg.connect(_url("postgres"), autocommit=True)
    statement = BARE.replace("?", "%s")
    return lambda generation: connection.execute(statement, _values(session_id, generation)).fetchone()


def _bare_on_sqlite(_database: str, session_id: str) -> Swap:
    """With the commit, and with each commit on the disk, as the store has it."""
    path = _url("sqlite").removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return lambda generation: connection.execute(BARE, _values(session_id, generation)).fetchall()[0]


def _values(session_id: str, generation: int) -> tuple[object, ...]:
    now = time.time()
    expires_at = now + TIMES.idle
    return now, now + TIMES.access, expires_at, expires_at + KEPT, session_id, generation


def _new_session(database: str) -> str:
    name = next(_names)
    new = NewSession(id=name, subject=name, username="A", scopes=(), user_agent=None, ip_address=None)
    store = _store(database)
    store.start_session(new, TIMES, max_live=100, mark=store.read_mark())
    return name


@functools.cache
def _store(database: str) -> SessionStore:
    return open_sql_stores(_url(database)).sessions


@functools.cache
def _url(database: str) -> str:
    """Of a database that is gone with this process."""
    if database == "postgres":
        server = PostgresServer()
        atexit.register(server.close)
        return server.new_database()
    # not where the system keeps what is temporary: on many a machine that is memory, and has no fsync
    directory = tempfile.TemporaryDirectory(dir="/var/tmp")
    atexit.register(directory.cleanup)
    return f"sqlite:///{directory.name}/store.db"
