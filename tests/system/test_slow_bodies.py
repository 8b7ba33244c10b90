"""Clients that send a body very slowly, or never: others are served as if they were not there."""

import contextlib
import time

import pytest
from watchword_servers import receive

# a body that is begun, with its length told beforehand or not
STALLED = {
    "with a length": b"Content-Length: 90\r\n\r\n{",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
}
HEAD = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def stalled(server, count, rest):
    with contextlib.ExitStack() as connections:
        opened = [connections.enter_context(server.connection()) for _ in range(count)]
        for connection in opened:
            connection.sendall(HEAD + rest)
        yield opened


@pytest.mark.parametrize("rest", STALLED.values(), ids=STALLED)
def test_more_slow_bodies_than_threads_keep_nobody_waiting(start, rest):
    server = start("--threads", "4")
    tokens = server.login()
    with stalled(server, 300, rest):
        started = time.monotonic()
        assert server.request("GET", "/healthz").status == 200
        assert server.greets(tokens)
        server.login()
        assert time.monotonic() - started < 5
    server.login()


def test_a_body_that_does_not_come_within_ten_seconds_is_refused_and_its_connection_closed(start):
    server = start()
    began = time.monotonic()
    with contextlib.ExitStack() as connections:
        silent, dripping = (connections.enter_context(stalled(server, 50, rest)) for rest in STALLED.values())
        for connection in silent:
            answer = receive(connection)
            assert (answer.status, answer.json["error"]) == (408, "body_too_slow")
            assert connection.recv(1) == b""
        for connection in dripping:
            assert receive(connection).status == 408
    assert 9 < time.monotonic() - began < 20
    assert "Traceback" not in server.log


def test_a_body_that_comes_byte_by_byte_is_refused_after_the_same_time(server):
    began = time.monotonic()
    with server.connection() as connection:
        connection.sendall(HEAD + b"Content-Length: 90\r\n\r\n")
        connection.settimeout(0.5)
        while True:
            with contextlib.suppress(TimeoutError):
                answer = receive(connection)
                break
            connection.sendall(b" ")
    assert answer.status == 408
    assert 9 < time.monotonic() - began < 20
