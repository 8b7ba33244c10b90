"""How a WebSocket ends with its session, on real servers."""

from __future__ import annotations

import contextlib
import time

import pytest
from adapter_table import ADAPTERS
from watchword_servers import receive
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

IN_TIME = 1.5


WITH_SOCKETS = [adapter for adapter in ADAPTERS if adapter.name in {"starlette", "fastapi"}]

pytestmark = pytest.mark.parametrize(
    "adapter", WITH_SOCKETS, ids=lambda adapter: adapter.name, scope="session"
)


def open_handshake(application, path, token):
    """A connection on which a client has asked for a WebSocket."""
    connection = application.connection()
    connection.sendall(
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
        % (path.encode(), token.encode(), b"A" * 22 + b"==")
    )
    return connection


def test_a_socket_that_only_sleeps_is_closed_when_its_session_ends(application):
    token = application.login("carol")["access_token"]
    with connect(
        f"ws://127.0.0.1:{application.port}/socket",
        additional_headers={"Authorization": f"Bearer {token}"},
        subprotocols=["chat", "other"],
    ) as socket:
        assert (socket.recv(), socket.subprotocol) == ("begun", "chat")
        assert application.request("POST", "/auth/logout", token=token).status == 204
        ended = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert time.monotonic() - ended < IN_TIME
        assert closed.value.rcvd.code == 4401


def test_a_logout_at_a_worker_closes_the_sockets_at_each(application):
    token = application.login("carol")["access_token"]
    url, headers = f"ws://127.0.0.1:{application.port}/socket", {"Authorization": f"Bearer {token}"}
    with application.connect_to_each_worker() as workers, contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(connect(url, sock=worker.sock, additional_headers=headers))
            for worker in workers
        ]
        assert [socket.recv() for socket in sockets] == ["begun", "begun"]
        assert application.request("POST", "/auth/logout", token=token).status == 204
        ended = time.monotonic()
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
            assert closed.value.rcvd.code == 4401
        assert time.monotonic() - ended < IN_TIME


def test_no_worker_dies_if_a_session_ends_before_its_socket_is_accepted(application):
    workers = application.workers()
    token = application.login("carol")["access_token"]
    with open_handshake(application, "/socket?hesitation=2", token) as connection:
        assert application.request("GET", "/protected", token=token).status == 200
        assert application.request("POST", "/auth/logout", token=token).status == 204
        assert receive(connection).status in {401, 403}
    accepted = time.monotonic() + 2.5
    while time.monotonic() < accepted:  # The endpoint tries to accept it meanwhile.
        assert application.request("GET", "/open").status == 200
    assert application.workers() == workers
