"""``watchword serve``: what it says and refuses before it serves, and that it starts and stops.

What it answers, the tests of the server ask.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from watchword import Auth

PASSWORD = "correct horse battery"
WATCHWORD = Path(sys.executable).with_name("watchword")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def serving(port: int, *options: str, **environment: str) -> Iterator[list[str]]:
    """The real server, from its first answer on; stopped by SIGTERM, as well as it can be.

    Yields:
        What it said on standard output before that.
    """
    process = subprocess.Popen(
        [WATCHWORD, "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", **environment},
        start_new_session=True,  # so that its workers can be ended with it
    )
    try:
        said = _until(process.stdout, "Serving ")
        _until(process.stderr, "Started worker-1")
        yield said
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
        said += rest.splitlines()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 0


def _until(stream, text: str) -> list[str]:
    lines = []
    while not lines or text not in lines[-1]:
        line = stream.readline()
        assert line, f"it ended before it said {text!r}: {lines}"
        lines.append(line.rstrip("\n"))
    return lines


def healthy(address: str) -> bool:
    """Whether it answers; it says that it listens a moment before it does."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as answer:
            return answer.status == 200
        time.sleep(0.05)
    return False


def test_the_first_start_makes_an_account_whose_password_is_shown_once(directory, port) -> None:
    with serving(port) as said:
        assert healthy(f"127.0.0.1:{port}")
    with serving(port) as said_again:
        assert healthy(f"127.0.0.1:{port}")

    made = re.fullmatch(r'Made the account "admin" with the password (\S{20,})', said[0])
    assert made
    assert said[1] == f"It is shown this once. Change it with: {WATCHWORD} account password admin"
    assert said[2].startswith(f"WATCHWORD_ISSUER is not set: tokens are issued by http://localhost:{port}. ")
    assert said[3] == f"Serving http://localhost:{port}"
    assert said_again[:2] == said[2:4]
    auth = Auth()
    assert auth.login("admin", made[1])
    auth.close()
    for path in directory.iterdir():
        assert made[1].encode() not in path.read_bytes()


def test_the_first_password_can_be_given_and_is_not_shown(port) -> None:
    with serving(port, ADMIN_PASSWORD=f"{PASSWORD}\n") as said:
        assert healthy(f"127.0.0.1:{port}")
    assert said[0] == 'Made the account "admin" with the password of ADMIN_PASSWORD'

    assert PASSWORD not in "\n".join(said)
    auth = Auth()
    assert auth.login("admin", PASSWORD)
    auth.close()


def test_a_first_password_that_comes_too_late_is_said_not_to_be_used(watchword, alice, port) -> None:
    with serving(port, ADMIN_PASSWORD="another correct horse") as said:
        assert healthy(f"127.0.0.1:{port}")

    assert said[0] == (
        "ADMIN_PASSWORD is not used, because there are accounts already. "
        f"To set a password: {WATCHWORD} account password admin"
    )
    assert "another" not in "\n".join(said)
    assert [line.split()[0] for line in watchword("account", "list").stdout.splitlines()[1:]] == ["alice"]


def test_a_name_and_an_ipv6_address_are_listened_on(port) -> None:
    with serving(port, "--host", "localhost"):
        assert healthy(f"127.0.0.1:{port}")
    with serving(port, "--host", "::1") as said:
        assert healthy(f"[::1]:{port}")
    assert f"Serving http://localhost:{port}" in said


@pytest.mark.parametrize("host", ["x86_64-conda-linux-gnu", "a-laptop", "0"])
def test_a_host_of_the_environment_that_is_not_an_address_is_ignored(watchword, monkeypatch, host) -> None:
    monkeypatch.setenv("HOST", host)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = watchword("serve", "--port", str(taken.getsockname()[1]))

    assert refused.stderr.startswith(f"HOST is '{host}', which is not an IP address. The server ignores it")
    assert "Error: cannot listen on 127.0.0.1 port" in refused.stderr


def test_an_address_in_host_is_listened_on_and_white_space_does_not_count(port) -> None:
    with serving(port, HOST=" 127.0.0.2\n") as said:
        assert healthy(f"127.0.0.2:{port}")
    assert f"Serving http://127.0.0.2:{port}" in said


def test_a_port_that_somebody_listens_on_is_refused_before_anything_is_made(watchword, directory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = watchword("serve", "--port", str(taken.getsockname()[1]))

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: cannot listen on 127.0.0.1 port ")
    assert list(directory.iterdir()) == []


def test_a_second_server_does_not_join_the_first(watchword, directory, port) -> None:
    with serving(port):
        assert healthy(f"127.0.0.1:{port}")
        assert watchword("serve", "--port", str(port)).exit_code == 1


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_does_not_open_the_server_to_every_network(watchword, directory, host) -> None:
    refused = watchword("serve", "--host", host)
    assert refused.exit_code == 2
    assert "--host must be an address or a name, not empty text" in refused.stderr
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid", "::2", "not an address", "a..b"])
def test_an_address_that_is_not_ours_is_refused(watchword, directory, host) -> None:
    refused = watchword("serve", "--host", host)

    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: cannot listen on {host} port 8000: ")
    assert refused.stderr.count("\n") == 1
    assert list(directory.iterdir()) == []


def test_a_first_password_that_is_none_is_refused(watchword, port, monkeypatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "short")

    refused = watchword("serve", "--port", str(port))

    assert refused.exit_code == 1
    assert refused.stderr.endswith("Error: ADMIN_PASSWORD: a password must have at least 15 characters\n")


@pytest.mark.parametrize(("checks", "queue"), [("4", ""), ("2", "2"), ("1", "3")])
def test_hashes_may_not_take_all_threads(watchword, port, monkeypatch, checks, queue) -> None:
    monkeypatch.setenv("WATCHWORD_PASSWORD_CHECKS", checks)
    monkeypatch.setenv("WATCHWORD_PASSWORD_QUEUE", queue)

    refused = watchword("serve", "--threads", "4", "--port", str(port))

    assert refused.exit_code == 1
    assert f"PASSWORD_CHECKS is {checks} and WATCHWORD_PASSWORD_QUEUE is {queue or 0}: " in refused.stderr
    assert "at most 3 of the 4 threads" in refused.stderr


def test_a_database_in_memory_is_refused(watchword, port, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")

    assert (
        "a database in memory, which every process has for itself"
        in watchword("serve", "--port", str(port)).stderr
    )


def test_no_account_is_made_beside_the_secret_of_a_database_that_is_missing(
    watchword, directory, port
) -> None:
    (directory / "watchword.db.secret").write_text("x" * 43)

    for command in (("serve", "--port", str(port)), ("account", "add", "alice", "--password-stdin")):
        refused = watchword(*command, stdin=PASSWORD)
        assert refused.exit_code == 1
        assert (
            "watchword.db is missing, but watchword.db.secret is there: restore the database"
            in refused.stderr
        )
    assert [path.name for path in directory.iterdir()] == ["watchword.db.secret"]


def test_an_account_made_in_a_database_that_was_there_is_not_made_without_a_word(
    watchword, alice, port
) -> None:
    watchword("account", "delete", "alice")

    with serving(port, ADMIN_PASSWORD=PASSWORD) as said:
        pass

    assert said[0].startswith("The database exists but has no account. If it comes from a backup,")
    assert said[1].startswith('Made the account "admin"')


@pytest.mark.parametrize("module", ["granian", "prometheus_client", "starlette", "anyio", "argon2"])
def test_without_a_part_of_the_extra_it_names_the_extra(directory, module) -> None:
    hidden = f"import sys; sys.modules[{module!r}] = None; from watchword.cli import run; run()"

    refused = subprocess.run(
        [sys.executable, "-c", hidden, "serve"], capture_output=True, text=True, check=False, timeout=30
    )

    assert (refused.returncode, refused.stderr) == (
        1,
        "Error: this needs an extra: pip install 'watchword[server]'\n",
    )
