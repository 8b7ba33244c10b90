"""The front of the server: what clients can do to it before a request of theirs reaches the application."""

import contextlib
import http.client
import json
import os
import resource
import signal
import sys
import time

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


def test_http_2_is_not_spoken(server):
    """Its headers would be bounded at 16 MiB for each request, which a few KB of traffic can fill."""
    with server.connection() as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100)[3:4] != b"\x04", "a frame with the settings of HTTP/2"


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


MORE_VIEWS = """
import os

import flask

from watchword.cli.main import main
from watchword.server import serving

make = serving.create_app


def create_app(*arguments, **options):
    app = make(*arguments, **options)
    app.add_url_rule("/environment", "environment", view_func=lambda: {
        "of the request": {name: str(value) for name, value in flask.request.environ.items()},
        "of the process": dict(os.environ),
    })
    app.add_url_rule("/broken", "broken", view_func=lambda: 1 // 0)
    return app


serving.create_app = create_app
main()
"""


@pytest.fixture
def start_with_views(start, monkeypatch):
    """Start a server that has two more views: its environment, and an error."""
    monkeypatch.setattr(watchword_servers, "COMMAND", [sys.executable, "-c", MORE_VIEWS])
    return start


def test_an_error_leaves_its_traceback_in_the_log_and_tells_the_client_nothing(start_with_views):
    server = start_with_views()
    answer = server.request("GET", "/broken")
    server.stop()

    assert (answer.status, answer.json["error"]) == (500, "server_error")
    assert b"division" not in answer.body
    assert "Traceback" in server.log
    assert "ZeroDivisionError: integer division or modulo by zero" in server.log


def test_no_request_has_the_environment_of_the_process(start_with_views):
    secrets = {
        "WATCHWORD_SECRET": "a secret of this server " * 2,
        "ADMIN_PASSWORD": "correct horse battery staple",
        "DATABASE_URL": "sqlite:///elsewhere.db",
        "WATCHWORD_DATABASE_URL": "sqlite:///there.db",
    }
    others = {
        "PGPASSWORD": "a password of libpq's",
        "HTTP_X_FORWARDED_FOR": "203.0.113.9",
        "CONTENT_LENGTH": "5",
    }
    server = start_with_views(**secrets, **others)
    shown = server.request("GET", "/environment", headers={"X-Mine": "sent"}).json

    of_request, of_process = json.dumps(shown["of the request"]), json.dumps(shown["of the process"])
    assert [value for value in secrets.values() if value in of_request or value in of_process] == []
    assert [name for name in others if name in of_request] == []
    assert shown["of the request"]["HTTP_X_MINE"] == "sent"
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
