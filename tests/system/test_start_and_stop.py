"""From nothing to a running server, and back to nothing that anybody would miss."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import time
from pathlib import Path

import pytest

PASSWORD = re.compile(r'Made the account "admin" with the password (\S+)')
CHOSEN = "correct horse battery staple"


def test_the_first_start_shows_a_random_password_once_and_it_works(start):
    first = start(ADMIN_PASSWORD=None)
    (password,) = PASSWORD.findall(first.log)
    assert len(password) >= 20
    assert first.log.count(password) == 1
    first.login("admin", password)
    first.stop()
    second = start(ADMIN_PASSWORD=None)
    second.login("admin", password)
    second.stop()
    assert password not in second.log
    assert "Made the account" not in second.log


def test_two_servers_that_start_at_once_on_nothing_agree_on_everything(start, until):
    servers = [start(wait=False, ADMIN_PASSWORD=None) for _ in range(2)]
    until(lambda: all(server.is_serving() for server in servers), "both serve")
    (password,) = [found for server in servers for found in PASSWORD.findall(server.log)]
    for tokens in [server.login("admin", password) for server in servers]:
        assert all(server.greets(tokens) for server in servers)
    assert servers[0].written()["watchword_keys"] == 4


def test_the_password_of_admin_password_works_and_is_written_nowhere(server):
    server.login("admin", CHOSEN)
    for file in server.directory.iterdir():
        assert CHOSEN.encode() not in file.read_bytes(), file.name


def test_admin_password_changes_no_account_that_is_there(start):
    start().stop()
    server = start(ADMIN_PASSWORD="another good password")
    server.login("admin", CHOSEN)
    answer = server.request("POST", "/auth/login", {"username": "admin", "password": "another good password"})
    assert answer.status == 401


def test_everything_secret_on_disk_is_the_owners_alone(server):
    server.login()
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in server.directory.glob("watchword*")}
    assert {"watchword.db", "watchword.db-wal", "watchword.db.secret"} <= files.keys()
    assert set(files.values()) == {0o600}


def test_a_second_start_is_quick_and_keeps_accounts_keys_and_tokens(start):
    first = start()
    tokens = first.login()
    keys = first.request("GET", "/.well-known/jwks.json").json
    first.stop()
    started = time.monotonic()
    second = start(ADMIN_PASSWORD=None)
    assert time.monotonic() - started < 3
    assert second.request("GET", "/.well-known/jwks.json").json == keys
    assert second.greets(tokens)
    assert second.refresh(tokens["refresh_token"]).status == 200
    second.login()


def test_each_request_leaves_a_line_in_the_access_log(server, until):
    server.request("GET", "/protected")
    line = re.compile(r'^\[.+\] 127\.0\.0\.1 - "GET /protected HTTP/1\.1" 401 [\d.]+ \w{16}$', re.MULTILINE)
    until(lambda: line.search(server.log), "the request is in the log")


def stop_process(server, number):
    server.process.send_signal(number)


def stop_group(server, number):
    """What a terminal does at Ctrl-C."""
    os.killpg(server.process.pid, number)


@pytest.mark.parametrize(
    ("stop", "number"),
    [(stop_process, signal.SIGTERM), (stop_process, signal.SIGINT), (stop_group, signal.SIGINT)],
    ids=["SIGTERM", "SIGINT", "Ctrl-C"],
)
def test_a_stop_finishes_running_requests_and_exits_with_0(start, until, lock, stop, number):
    server = start()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as running:
        with lock(server.database):
            body = json.dumps({"username": "admin", "password": CHOSEN})
            running.request("POST", "/auth/login", body, {"Content-Type": "application/json"})
            time.sleep(0.2)  # the login now waits for the lock
            stop(server, number)
            until(lambda: "Shutting down" in server.log, "the server is stopping")
        answer = running.getresponse()
        assert (answer.status, "access_token" in json.load(answer)) == (200, True)
    assert server.process.wait(20) == 0
    assert server.events("login")
    assert "Traceback" not in server.log
    with pytest.raises(ConnectionRefusedError):
        server.connection()


@pytest.mark.parametrize("ms", [0, 1, 10, 100, 300, 1000])
@pytest.mark.parametrize(
    ("stop", "number"),
    [(stop_process, signal.SIGTERM), (stop_group, signal.SIGTERM), (stop_group, signal.SIGINT)],
    ids=["SIGTERM", "SIGTERM to all", "Ctrl-C"],
)
def test_a_stop_while_workers_are_starting_is_not_lost(start, until, stop, number, ms):
    server = start("--workers", "4", wait=False)
    until(lambda: "Spawning worker-4" in server.log, "the workers are being started")
    workers = server.workers()
    time.sleep(ms / 1000)  # so that it comes at a worker in all states
    stop(server, number)
    assert server.process.wait(25) == 0, "a worker that is deaf would be killed after 30 s"
    assert len(workers) == 4
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_sighup_replaces_the_workers_while_requests_are_served(start, until):
    server = start("--workers", "2", WATCHWORD_SECRET="a secret of this server " * 2)
    tokens = server.login()
    before = set(server.workers())
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.greets(tokens) and len(set(server.workers()) - before) == 2, "both are new")
    until(lambda: server.greets(tokens) and not before & set(server.workers()), "the old workers have ended")
    assert server.greets(tokens)
    assert server.stop() == 0


def test_a_worker_that_stops_before_its_server_has_heard_of_it_is_no_failure(start, until):
    server = start()
    (worker,) = server.workers()
    os.kill(server.process.pid, signal.SIGSTOP)
    stop_group(server, signal.SIGTERM)
    until(lambda: Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z", "the worker has ended")
    os.kill(server.process.pid, signal.SIGCONT)
    assert server.process.wait(25) == 0


def says(output, *expected):
    """One clear line, and no traceback."""
    (line,) = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in output
    for words in expected:
        assert words in line, line
    return True


REFUSED = [
    ({"PORT": "eight thousand"}, "'--port' (env var: 'PORT')"),
    ({"WATCHWORD_ACCESS_LIFETME": "600"}, "WATCHWORD_ACCESS_LIFETME"),
    ({"WATCHWORD_PASSWORD_CHECKS": "100"}, "WATCHWORD_PASSWORD_CHECKS"),
    ({"DATABASE_URL": "mysql://user:swordfish@localhost/db"}, "sqlite:///"),
    ({"DATABASE_URL": "sqlite://"}, "in memory"),
    (
        {"DATABASE_URL": "sqlite:////no/such/directory/watchword.db"},
        "there is no directory /no/such/directory to make the database in",
    ),
    ({"ADMIN_PASSWORD": "short"}, "at least 15 characters"),
    ({"HOST": "192.0.2.1"}, "192.0.2.1"),
]


@pytest.mark.parametrize(
    ("environment", "expected"), REFUSED, ids=[" ".join(environment) for environment, _ in REFUSED]
)
def test_what_cannot_work_is_refused_at_the_start_in_one_clear_line(refused, environment, expected):
    code, output = refused(**environment)
    assert code in {1, 2}
    says(output, expected)
    assert "swordfish" not in output


def test_a_port_in_use_is_refused(refused, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output = refused(PORT=str(port))
    assert code == 1
    says(output, f"port {port}", "in use")
    assert list(tmp_path.iterdir()) == [], "nothing is made, and no password shown, before the port is ours"


def test_another_secret_than_that_of_the_keys_is_refused(start, refused):
    start(WATCHWORD_SECRET="a" * 40).stop()
    code, output = refused(WATCHWORD_SECRET="b" * 40)
    assert code == 1
    says(output, "WATCHWORD_SECRET does not open the signing keys")
    assert "bbbb" not in output


def test_a_lost_secret_file_is_refused_and_not_made_anew(start, refused):
    server = start()
    server.stop()
    secret = server.directory / "watchword.db.secret"
    secret.unlink()
    code, output = refused()
    assert code == 1
    says(output, "secret", secret.name)
    assert not secret.exists()


def test_a_database_newer_than_the_code_is_refused(start, refused):
    server = start()
    server.stop()
    with contextlib.closing(sqlite3.connect(server.database)) as connection:
        connection.execute("UPDATE watchword_store SET schema_version = 99")
        connection.commit()
    code, output = refused()
    assert code == 1
    says(output, "schema version 99", "newer")


def test_a_file_that_is_no_database_is_refused_and_left_alone(refused, tmp_path):
    file = tmp_path / "watchword.db"
    file.write_text("my memoirs, chapter one\n" * 100)
    code, output = refused()
    assert code == 1
    says(output, "the store does not answer")
    assert file.read_text() == "my memoirs, chapter one\n" * 100
