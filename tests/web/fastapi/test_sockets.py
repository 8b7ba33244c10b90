"""WebSockets of FastAPI: refused before they are accepted, and closed when their session ends."""

import asyncio
import gc
import threading
import time
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Security, WebSocket, WebSocketDisconnect
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from watchword import Identity
from watchword.errors import UsernameTaken
from watchword.web import current_identity
from watchword.web.fastapi import Watchword
from watchword.web.starlette.sockets import LiveSocket


class Log:
    """What happened in an operation, which runs in another thread."""

    def __init__(self):
        self.events = []
        self.over = threading.Event()


@pytest.fixture
def log():
    return Log()


def add_sockets(app, auth, log):
    @app.websocket("/echo")
    async def echo(websocket: WebSocket, found: Annotated[Identity, Security(auth.identity, scopes=["a"])]):
        await websocket.accept()
        await websocket.send_text(f"{found.username} {current_identity().subject}")
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect as error:
            log.events.append(error.code)
        log.over.set()

    @app.websocket("/fresh", dependencies=[Depends(auth.identity), Depends(auth.fresh(300))])
    async def wait(websocket: WebSocket):
        await websocket.accept()
        await websocket.receive_text()

    @app.websocket("/optional")
    async def greet(websocket: WebSocket, found: Annotated[Identity | None, Depends(auth.optional_identity)]):
        await websocket.accept()
        await websocket.send_text("stranger" if found is None else found.username)
        await websocket.close()

    @app.websocket("/fail")
    async def fail(websocket: WebSocket, found: Annotated[Identity, Depends(auth.identity)]):
        await websocket.accept()
        raise UsernameTaken


@pytest.fixture(params=["our handlers", "without"])
def sockets(request, app, desk, log):
    auth = Watchword(auth=desk) if request.param == "without" else Watchword(app, desk)
    add_sockets(app, auth, log)
    return TestClient(app)


@pytest.mark.parametrize(
    ("path", "scopes", "status", "error"),
    [
        ("/echo", None, 401, "missing_token"),
        ("/fresh", None, 401, "missing_token"),
        ("/echo", [], 403, "insufficient_scope"),
    ],
)
def test_a_socket_that_may_not_pass_gets_a_real_answer(sockets, bearer_of, path, scopes, status, error):
    headers = {} if scopes is None else bearer_of(*scopes)
    with pytest.raises(WebSocketDenialResponse) as refused:
        sockets.websocket_connect(path, headers=headers).__enter__()
    assert refused.value.status_code == status
    body = refused.value.json()
    assert body.get("detail", body)["error"] == error
    assert refused.value.headers["www-authenticate"].startswith("Bearer")


def test_a_socket_lives_as_long_as_its_session_and_its_client(sockets, bearer_of, log):
    with sockets.websocket_connect("/echo", headers=bearer_of("a")) as socket:
        assert socket.receive_text() == "alice 7"
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
    assert log.over.wait(10)
    assert log.events == [1000]


def test_a_socket_is_closed_when_its_session_ends(sockets, bearer_of, desk, log):
    with sockets.websocket_connect("/echo", headers=bearer_of("a")) as socket:
        socket.receive_text()
        began = time.monotonic()
        desk.end_all("7")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert time.monotonic() - began < 1.5
        assert closed.value.code == 4401
        assert log.over.wait(10)
    assert log.events == [4401]


def test_a_disconnect_that_is_not_caught_is_raised_as_for_any_client(sockets, bearer_of, desk):
    socket = sockets.websocket_connect("/fresh", headers=bearer_of()).__enter__()
    desk.end_all("7")
    assert socket.receive()["code"] == 4401
    with pytest.raises(WebSocketDisconnect) as raised:
        socket.__exit__(None, None, None)
    assert raised.value.code == 4401


def test_a_socket_may_be_anonymous(sockets, bearer_of):
    for headers, name in ({}, "stranger"), (bearer_of(), "alice"):
        with sockets.websocket_connect("/optional", headers=headers) as socket:
            assert socket.receive_text() == name


def test_an_error_of_ours_closes_an_accepted_socket_with_its_status(app, auth, log, bearer_of):
    add_sockets(app, auth, log)
    with TestClient(app).websocket_connect("/fail", headers=bearer_of()) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4409


def test_an_override_counts_for_sockets(app, auth, log):
    add_sockets(app, auth, log)
    fake = Identity.from_claims({"sub": "7", "preferred_username": "fake"})
    app.dependency_overrides[auth.optional_identity] = lambda: fake
    with TestClient(app).websocket_connect("/optional") as socket:
        assert socket.receive_text() == "fake"


def test_nothing_is_left_of_a_thousand_sockets(desk, log, bearer_of):
    app = FastAPI()
    add_sockets(app, Watchword(app, desk), log)
    raw = [(name.lower().encode(), value.encode()) for name, value in bearer_of("a").items()]

    async def drive():
        async def connect():
            events, sent = asyncio.Queue(), []
            events.put_nowait({"type": "websocket.connect"})

            async def send(message):
                sent.append(message)
                if message["type"] == "websocket.send":
                    events.put_nowait({"type": "websocket.disconnect", "code": 1000})

            scope = {"type": "websocket", "path": "/echo", "query_string": b"", "headers": raw}
            await app(scope, events.get, send)
            assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]

        for _ in range(10):
            await asyncio.gather(*(connect() for _ in range(100)))
        async with asyncio.timeout(20):
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0)

    asyncio.run(drive())
    gc.collect()
    assert [each for each in gc.get_objects() if type(each) is LiveSocket] == []


def test_nothing_is_left_of_a_socket_that_the_operation_leaves_to_the_server(desk, log, bearer_of):
    app = FastAPI()
    auth = Watchword(app, desk)

    @app.websocket("/")
    async def accept(websocket: WebSocket, found: Annotated[Identity, Depends(auth.identity)]):
        await websocket.accept()

    raw = [(name.lower().encode(), value.encode()) for name, value in bearer_of().items()]

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        assert message["type"] == "websocket.accept"

    async def drive():
        scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": raw}
        await asyncio.create_task(app(scope, receive, send))
        async with asyncio.timeout(20):
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0)

    asyncio.run(drive())
