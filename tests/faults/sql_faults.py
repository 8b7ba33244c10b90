"""What is done to SQLite and PostgreSQL."""

import socket
import sqlite3
import time
from contextlib import closing
from functools import partial

import psycopg
import pytest
from backing import PAUSE, Backing
from cutter import Cutter
from psycopg.conninfo import conninfo_to_dict
from server_faults import SERVERS

from watchword.sessions.revocations import LONGEST_PAUSE
from watchword.stores.opening import open_sql_stores

__all__ = ["postgresql", "sqlite"]


@pytest.fixture
def sqlite(tmp_path):
    file = tmp_path / "watchword.db"

    def lock_the_database(fleet, _rng):
        with fleet.hurt(), closing(sqlite3.connect(file, isolation_level=None, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(PAUSE)
            connection.execute("ROLLBACK")

    url = f"sqlite:///{file}"
    return Backing({"DATABASE_URL": url}, partial(open_sql_stores, url), (lock_the_database, *SERVERS))


@pytest.fixture
def postgresql(mortal_postgres):
    """The servers speak to it through a proxy."""
    url = mortal_postgres.new_database()

    def kill_the_database(fleet, _rng):
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE):
            mortal_postgres.kill()
            time.sleep(PAUSE / 2)
            mortal_postgres.start()

    def terminate_all_backends(_fleet, _rng):
        """Nobody notices: what was under way is done once more."""
        with psycopg.connect(url, autocommit=True) as connection:
            # once: a second time might meet who is at the repetition
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    def lock_the_sessions(fleet, _rng):
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE), psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE watchword_sessions IN ACCESS EXCLUSIVE MODE")
            time.sleep(PAUSE)

    directory = conninfo_to_dict(url)["host"]
    with closing(Cutter(partial(connect, directory), "postgresql")) as cutter:
        through_it = url.replace(f"host={directory}", f"host=127.0.0.1&port={cutter.port}&sslmode=disable")
        yield Backing(
            {"DATABASE_URL": through_it},
            partial(open_sql_stores, url),
            (kill_the_database, terminate_all_backends, lock_the_sessions, cutter.cut_connections),
        )


def connect(directory):
    """To the socket there, as libpq does."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"{directory}/.s.PGSQL.5432")
    except OSError:
        connection.close()
        raise
    return connection
