"""WebSockets: refused before they are accepted, and closed when their session ends."""

from __future__ import annotations

import asyncio
import functools
import gc
import threading
import time

import pytest
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import JSONResponse
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from watchword.errors import StoreUnavailable, UsernameTaken, WatchwordError
from watchword.web import current_identity
from watchword.web.starlette.sockets import LiveSocket

IN_TIME = 1.5  # seconds after the end of a session in this process


class Log:
    """What happened in an endpoint, which runs in another thread."""

    def __init__(self):
        self.events = []
        self.go_on = threading.Event()
        self.over = threading.Event()


@pytest.fixture
def log():
    return Log()


async def echo(websocket, log):
    await websocket.accept()
    await websocket.send_text(f"{websocket.user.username} {current_identity().subject}")
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as error:
        log.events.append(error.code)
    finally:
        log.over.set()


async def work(websocket, log):
    """Work for a long time without a look at the client."""
    await websocket.accept()
    await websocket.send_text("begun")
    await asyncio.to_thread(log.go_on.wait, 10)
    try:
        await websocket.send_text("too late")
    except WebSocketDisconnect as error:
        log.events.append(error.code)
    await websocket.close()
    log.over.set()


async def fail(websocket):
    await websocket.accept()
    raise {"ours": UsernameTaken, "other": ZeroDivisionError}[websocket.query_params["error"]]


async def greet(websocket):
    await websocket.accept()
    await websocket.send_text(websocket.user.display_name or "stranger")
    await websocket.close()


def make_class(log):
    class Echo(WebSocketEndpoint):
        encoding = "text"

        async def on_connect(self, websocket):
            await websocket.accept()
            await websocket.send_text(websocket.user.username)

        async def on_receive(self, websocket, data):
            await websocket.send_text(data)

        async def on_disconnect(self, websocket, close_code):
            log.events.append(close_code)
            log.over.set()

    return Echo


def make_class_with_guarded_methods(log, protect):
    class Echo(make_class(log)):
        on_connect = protect(make_class(log).on_connect)
        on_receive = protect(make_class(log).on_receive)

    return Echo


@pytest.fixture
def sockets(extension, serve, log):
    """A client of guarded WebSocket endpoints of several kinds."""
    return serve(
        WebSocketRoute("/echo", extension.protect(functools.partial(echo, log=log))),
        WebSocketRoute("/work", extension.protect(functools.partial(work, log=log))),
        WebSocketRoute("/class", extension.protect(scopes="admin")(make_class(log))),
        WebSocketRoute("/methods", make_class_with_guarded_methods(log, extension.protect)),
        WebSocketRoute("/fail", extension.protect(fail)),
        WebSocketRoute("/greet", extension.protect(optional=True)(greet)),
    )


@pytest.mark.parametrize("path", ["/echo", "/class", "/methods"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer a.b.c"}])
def test_a_socket_without_a_good_token_gets_a_401_before_it_is_accepted(sockets, path, headers):
    with pytest.raises(WebSocketDenialResponse) as refused, sockets.websocket_connect(path, headers=headers):
        pass
    answer = refused.value
    assert answer.status_code == 401
    assert answer.json()["error"] in {"missing_token", "invalid_token"}
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_socket_with_too_few_scopes_gets_a_403(sockets, bearer_of):
    with pytest.raises(WebSocketDenialResponse) as refused:
        sockets.websocket_connect("/class", headers=bearer_of()).__enter__()
    assert (refused.value.status_code, refused.value.json()["error"]) == (403, "insufficient_scope")


def test_a_server_that_cannot_deny_gets_a_close_with_the_code(extension, serve, sockets):
    def drive(scope_extensions):
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "websocket.connect"}

        scope = {"type": "websocket", "path": "/echo", "headers": [], "query_string": b""}
        asyncio.run(sockets.app({**scope, **scope_extensions}, receive, send))
        return sent

    assert drive({}) == [{"type": "websocket.close", "code": 4401, "reason": ""}]
    denied = drive({"extensions": {"websocket.http.response": {}}})
    assert [message["type"] for message in denied] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]


def test_a_handler_of_the_application_answers_a_socket(extension, serve):
    async def answer(websocket, error):
        return JSONResponse({"own": error.code}, 418)

    client = serve(
        WebSocketRoute("/", extension.protect(lambda websocket: None)),
        exception_handlers={WatchwordError: answer},
    )
    with pytest.raises(WebSocketDenialResponse) as refused:
        client.websocket_connect("/").__enter__()
    assert (refused.value.status_code, refused.value.json()) == (418, {"own": "missing_token"})


def test_the_store_being_away_is_a_503(sockets, bearer_of, desk, monkeypatch):
    headers = bearer_of()

    def fail(*_):
        raise StoreUnavailable

    monkeypatch.setattr(desk, "authenticate", fail)
    with pytest.raises(WebSocketDenialResponse) as refused:
        sockets.websocket_connect("/echo", headers=headers).__enter__()
    assert refused.value.status_code == 503


def test_a_socket_lives_as_long_as_its_session_and_its_client(sockets, bearer_of, log):
    with sockets.websocket_connect("/echo", headers=bearer_of()) as socket:
        assert socket.receive_text() == "alice 7"
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
    assert log.over.wait(10)
    assert log.events == [1000]


@pytest.mark.parametrize("path", ["/echo", "/class", "/methods"])
def test_a_socket_that_waits_is_closed_when_its_session_ends(sockets, bearer_of, desk, log, path):
    with sockets.websocket_connect(path, headers=bearer_of("admin")) as socket:
        socket.receive_text()
        began = time.monotonic()
        desk.end_all("7")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert time.monotonic() - began < IN_TIME
        assert closed.value.code == 4401
        assert log.over.wait(10)
    assert log.events == [4401]


def test_a_socket_in_a_long_handler_is_closed_and_the_handler_learns_of_it(sockets, bearer_of, desk, log):
    with sockets.websocket_connect("/work", headers=bearer_of()) as socket:
        socket.receive_text()
        desk.end_all("7")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4401
        assert log.events == []  # the handler is still at work
        log.go_on.set()
        assert log.over.wait(10)
    assert log.events == [4401]


def test_the_socket_of_another_session_stays_open(sockets, bearer_of, desk):
    with sockets.websocket_connect("/echo", headers=bearer_of(subject="8")) as other:
        other.receive_text()
        with sockets.websocket_connect("/echo", headers=bearer_of()) as socket:
            socket.receive_text()
            desk.end_all("7")
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
        other.send_text("still here")
        assert other.receive_text() == "still here"


def test_a_socket_may_be_anonymous(sockets, bearer_of):
    for headers, name in ({}, "stranger"), (bearer_of(), "alice"):
        with sockets.websocket_connect("/greet", headers=headers) as socket:
            assert socket.receive_text() == name


def test_an_error_of_ours_closes_an_accepted_socket_with_its_status(sockets, bearer_of):
    with sockets.websocket_connect("/fail?error=ours", headers=bearer_of()) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4409


def test_an_error_of_the_application_behaves_as_without_a_guard(sockets, bearer_of):
    with (
        pytest.raises(ZeroDivisionError),
        sockets.websocket_connect("/fail?error=other", headers=bearer_of()) as socket,
    ):
        socket.receive_text()


def test_the_middleware_answers_an_error_of_a_socket(extension, serve):
    async def fail(websocket):
        await websocket.accept()
        raise UsernameTaken

    client = serve(WebSocketRoute("/", fail), middleware=[extension.middleware])
    with client.websocket_connect("/") as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    assert closed.value.code == 4409


def test_an_application_below_a_mount_is_closed(extension, serve, bearer_of, desk):
    class Application:
        async def __call__(self, scope, receive, send):
            await receive()
            await send({"type": "websocket.accept"})
            assert (await receive())["code"] == 4401

    client = serve(Mount("/", extension.protect(Application())))
    with client.websocket_connect("/", headers=bearer_of()) as socket:
        desk.end_all("7")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4401


def connect(app, headers, events):
    """Serve a socket on the running event loop; what the client would send is in a queue."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/echo",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    return asyncio.create_task(app(scope, events.get, send)), sent


async def pause(until):
    """Let the other tasks run until something holds."""
    async with asyncio.timeout(20):
        while not until():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)


def test_nothing_is_left_of_a_thousand_sockets(sockets, bearer_of, extension):
    headers = bearer_of()

    async def drive():
        app, sent = sockets.app, []
        for _ in range(10):
            queues = [asyncio.Queue() for _ in range(100)]
            tasks = []
            for queue in queues:
                queue.put_nowait({"type": "websocket.connect"})
                task, messages = connect(app, headers, queue)
                tasks.append(task)
                sent.append(messages)
            await pause(until=lambda: all(len(messages) >= 2 for messages in sent))
            for queue in queues:
                queue.put_nowait({"type": "websocket.disconnect", "code": 1000})
            await asyncio.gather(*tasks)
        await pause(until=lambda: len(asyncio.all_tasks()) == 1)

    asyncio.run(drive())
    gc.collect()
    assert [each for each in gc.get_objects() if type(each) is LiveSocket] == []


def test_an_endpoint_that_accepts_after_the_end_of_its_session_gets_a_disconnect():
    received, sent = [], []

    async def receive():
        received.append("websocket.connect")
        return {"type": received[-1]}

    async def send(message):
        sent.append(message["type"])

    async def drive():
        websocket = WebSocket({"type": "websocket"}, receive, send)
        over = asyncio.Event()
        LiveSocket.wrap(websocket).follow(over.wait)
        over.set()
        await pause(until=lambda: sent)
        with pytest.raises(WebSocketDisconnect) as told:
            await websocket.accept()
        assert told.value.code == 4401

    asyncio.run(drive())
    # A worker of Granian dies of a receive after the refusal.
    assert (received, sent) == ([], ["websocket.close"])


def test_a_cancelled_endpoint_ends_as_without_a_guard(sockets, bearer_of, log):
    headers = bearer_of()

    async def drive():
        queue = asyncio.Queue()
        queue.put_nowait({"type": "websocket.connect"})
        task, sent = connect(sockets.app, headers, queue)
        await pause(until=lambda: len(sent) >= 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pause(until=lambda: len(asyncio.all_tasks()) == 1)
        return sent

    sent = asyncio.run(drive())
    assert log.over.is_set()
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
