"""The front of the server: what clients can do to it before a request of theirs reaches the application."""

import contextlib
import http.client
import json
import os
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h2.connection
import pytest
import watchword_servers

from watchword import Settings
from watchword.server import serving


@pytest.fixture
def open_files():
    """Set this process's soft limit of open files, which a server that it starts inherits."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@contextlib.contextmanager
def silent(server, count):
    """Connections that send nothing."""
    with contextlib.ExitStack() as connections:
        yield [connections.enter_context(server.connection()) for _ in range(count)]


def test_1300_silent_connections_keep_no_request_waiting_and_are_closed(start, open_files):
    server = start()
    open_files(2000)
    with silent(server, 1300) as connections:
        began = time.monotonic()
        assert server.request("GET", "/healthz").status == 200
        server.login()
        assert time.monotonic() - began < 5
        assert connections[-1].recv(1) == b"", "closed by the server, once the time for a head is over"


def test_what_waits_for_the_store_has_a_bounded_number_of_threads(start, lock):
    server = start("--threads", "4")
    tokens = server.login()
    (worker,) = server.workers()
    before = count_threads(worker)
    with ThreadPoolExecutor(20) as clients, lock(server.database):
        waiting = [clients.submit(server.refresh, tokens["refresh_token"]) for _ in range(20)]
        time.sleep(0.5)  # they wait for the lock now
        assert not any(request.done() for request in waiting)
        assert count_threads(worker) <= before + 4
        assert server.greets(tokens)
        assert server.request("GET", "/healthz").status == 200


def count_threads(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_a_low_limit_of_open_files_is_raised(start, open_files):
    open_files(200)
    server = start()
    open_files(2000)
    with silent(server, 400):
        server.login()


def test_connections_leave_some_of_the_open_files_to_the_rest(open_files):
    open_files(200)
    assert serving._allow_connections(8) < resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
    assert serving._allow_connections(1_000_000) >= 100


FEW_FILES = """
import resource

from watchword.cli.main import main

resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
main()
"""


def test_more_connections_than_a_worker_has_wait_for_their_turn(start, monkeypatch):
    monkeypatch.setattr(watchword_servers, "COMMAND", [sys.executable, "-c", FEW_FILES])
    server = start()
    with silent(server, 250):
        assert server.request("GET", "/healthz").status == 200, "once silent connections are closed"
    server.login()
    assert "Traceback" not in server.log
    assert "Too many open files" not in server.log


def test_clients_that_read_no_answers_keep_no_other_client_waiting(server):
    requests = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000
    with silent(server, 50) as connections:
        for connection in connections:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while connection.send(requests):
                    pass
        began = time.monotonic()
        assert server.request("GET", "/healthz").status == 200
        server.login()
        assert time.monotonic() - began < 5


def test_more_than_a_hundred_header_fields_are_refused(server):
    fields = b"".join(b"X-%d: x\r\n" % number for number in range(200))
    assert server.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n").status == 431


def test_http_2_is_refused_at_once(server):
    """Granian would never close a connection that sends only a part of the preface of HTTP/2."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    client.send_headers(
        1, [(":method", "GET"), (":path", "/healthz"), (":scheme", "http"), (":authority", "x")]
    )
    with server.connection() as connection:
        connection.sendall(client.data_to_send())
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100) == b""


def test_an_upgrade_to_http_2_is_ignored(server):
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    assert server.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + upgrade).json == {"status": "ok"}


@pytest.mark.parametrize("path", ["//auth/login", "/auth//login", "/auth/login/", "/auth//refresh"])
def test_no_path_redirects(server, path):
    headers = {"Host": "api.example", "X-Forwarded-Proto": "https"}
    answer = server.request("POST", path, {"username": "admin", "password": "x"}, headers=headers)

    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert "Location" not in answer.headers


def test_a_body_that_does_not_end_does_not_keep_the_server_from_stopping(start):
    server = start("--stop-timeout", "4")
    with server.connection() as slow:
        slow.sendall(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.2)  # the server now waits for the rest
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 4


def test_a_stop_takes_less_than_docker_gives():
    assert Settings().stop_timeout == 10


MORE_ROUTES = """
import os

from starlette.responses import JSONResponse

from watchword.cli.main import main
from watchword.server import serving

make = serving.create_app


def create_app(*arguments, **options):
    app = make(*arguments, **options)
    app.add_route("/environment", lambda request: JSONResponse({
        "of the request": {name: str(value) for name, value in request.scope.items()},
        "of the process": dict(os.environ),
    }))
    app.add_route("/broken", lambda request: 1 // 0)
    return app


serving.create_app = create_app
main()
"""


@pytest.fixture
def start_with_routes(start, monkeypatch):
    """Start a server that has two more routes: its environment, and an error."""
    monkeypatch.setattr(watchword_servers, "COMMAND", [sys.executable, "-c", MORE_ROUTES])
    return start


def test_an_error_leaves_its_traceback_in_the_log_and_tells_the_client_nothing(start_with_routes):
    server = start_with_routes()
    answer = server.request("GET", "/broken")
    server.stop()

    assert (answer.status, answer.json["error"]) == (500, "server_error")
    assert b"division" not in answer.body
    assert "Traceback" in server.log
    assert server.log.count("ZeroDivisionError: integer division or modulo by zero") == 1
    assert f"request {answer.headers['X-Request-ID']} failed" in server.log


def test_no_request_has_the_environment_of_the_process(start_with_routes):
    secrets = {
        "WATCHWORD_SECRET": "a secret of this server " * 2,
        "ADMIN_PASSWORD": "correct horse battery staple",
        "DATABASE_URL": "sqlite:///elsewhere.db",
        "WATCHWORD_DATABASE_URL": "sqlite:///there.db",
    }
    others = {"PGPASSWORD": "a password of libpq's", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    server = start_with_routes(**secrets, **others)
    shown = server.request("GET", "/environment", headers={"X-Mine": "sent"}).json

    of_request, of_process = json.dumps(shown["of the request"]), json.dumps(shown["of the process"])
    assert [value for value in secrets.values() if value in of_request or value in of_process] == []
    assert [text for text in (*others, *others.values()) if text in of_request] == []
    assert "b'x-mine', b'sent'" in shown["of the request"]["headers"]
    assert shown["of the process"]["PGPASSWORD"], "libpq reads it when it connects"


def test_a_worker_that_is_started_anew_has_the_settings(start, until):
    server = start(WATCHWORD_SECRET="a secret of this server " * 2, DATABASE_URL="sqlite:///elsewhere.db")
    tokens = server.login()
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)

    def serves_again():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return server.workers() not in ([], [worker]) and server.greets(tokens)

    until(serves_again, "another worker serves")
