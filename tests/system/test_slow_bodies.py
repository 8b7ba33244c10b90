"""Clients that send a body very slowly, or never: whoever does not is served as if they were not there."""

import contextlib
import time

import pytest

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


def test_where_no_more_bodies_are_read_it_is_a_503_and_the_rest_is_served(start, until):
    server = start()
    tokens = server.login()
    with stalled(server, 512, STALLED["with a length"]):
        answers = []

        def refused():
            answers.append(server.refresh("swordfish"))
            return answers[-1].status == 503

        until(refused, "all bodies that may be read at once are being read")
        assert answers[-1].json["error"] == "overloaded"
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert server.greets(tokens)
        assert server.request("GET", "/healthz").status == 200
    until(lambda: server.refresh(tokens["refresh_token"]).status == 200, "bodies are read again")
    assert "Traceback" not in server.log
