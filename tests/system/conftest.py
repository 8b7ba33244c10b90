"""What the tests of this room ask of real servers."""

import contextlib
import sqlite3
import subprocess
from functools import partial

import pytest
import watchword_servers
from watchword_servers import COMMAND, PATIENCE, clean_environment, free_port, starting


@pytest.fixture
def start(tmp_path):
    """Start a server, by default on the test's own database; all are stopped at the end."""
    with starting() as start:
        yield partial(start, tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests of a module that leave it as it was."""
    with starting() as start:
        yield start(tmp_path_factory.mktemp("server"))


@pytest.fixture
def refused(tmp_path):
    """What `watchword serve` says when it does not start: exit code and output."""

    def run(*arguments, **environment):
        done = subprocess.run(
            [*COMMAND, "serve", *arguments],
            cwd=tmp_path,
            env=clean_environment({"PORT": str(free_port()), **environment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout

    return run


@pytest.fixture
def until():
    return watchword_servers.until


@pytest.fixture
def lock():
    """Hold a database's write lock, as a backup or a careless colleague does."""

    @contextlib.contextmanager
    def locked(database):
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    return locked


@pytest.fixture
def run_command():
    """`watchword ...` beside a running server."""

    def run(server, *arguments, stdin=None):
        subprocess.run(
            [*COMMAND, *arguments],
            cwd=server.directory,
            env=clean_environment({}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )

    return run


@pytest.fixture
def add_account(run_command):
    def add(server, username, password):
        run_command(server, "account", "add", username, "--password-stdin", stdin=password)

    return add
