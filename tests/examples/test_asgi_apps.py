"""The applications of Starlette and FastAPI, as a person starts them, on two servers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from watchword_servers import clean_environment, free_port
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct horse battery staple"
ALICE = {"username": "alice", "password": PASSWORD}
SERVERS = {
    "uvicorn": ["uvicorn", "--app-dir", str(EXAMPLES), "--port", "{port}", "{module}:app"],
    "granian": [
        "granian",
        "--interface",
        "asgi",
        "--working-dir",
        str(EXAMPLES),
        "--port",
        "{port}",
        "{module}:app",
    ],
}


@pytest.fixture(scope="module", params=["starlette_app", "fastapi_app"])
def module(request):
    return request.param


@pytest.fixture(scope="module", params=SERVERS)
def server(request, module, tmp_path_factory, start_program_once):
    folder, port = tmp_path_factory.mktemp(module), free_port()
    environment = {
        "HOME": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WATCHWORD_ISSUER": "http://localhost:8000",
        "WATCHWORD_DATABASE_URL": f"sqlite:///{folder}/watchword.db",
    }
    subprocess.run(
        [
            Path(sys.executable).with_name("watchword"),
            *["account", "add", "alice", "--scope", "reports:read", "--password-stdin"],
        ],
        input=PASSWORD,
        env=clean_environment(environment),
        cwd=folder,
        text=True,
        check=True,
        capture_output=True,
    )
    program, *arguments = (part.format(port=port, module=module) for part in SERVERS[request.param])
    command = [Path(sys.executable).with_name(program), *arguments]
    return start_program_once(command, folder, port, probe="/welcome", **environment)


def log_in(server):
    answer = server.request("POST", "/auth/login", ALICE)
    assert answer.status == 200, answer.body
    return answer.json["access_token"]


def test_the_routes_ask_for_what_they_say(server):
    token = log_in(server)
    assert server.request("GET", "/hello").status == 401
    assert server.request("GET", "/hello", token=token).json == {"message": "Hello, alice!"}
    assert server.request("GET", "/reports", token=token).json == {"reports of": "alice"}
    assert server.request("POST", "/danger", token=token).json == {"done": True}
    assert server.request("GET", "/welcome").json == {"hello": "stranger"}
    assert server.request("GET", "/welcome", token=token).json == {"hello": "alice"}
    assert server.request("POST", "/auth/logout", token=token).status == 204
    assert server.request("GET", "/hello", token=token).status == 401


def test_a_request_over_the_same_connection_is_anonymous_again(server):
    connection, token = server.http_connection(), log_in(server)
    assert server.request("GET", "/welcome", token=token, over=connection).json == {"hello": "alice"}
    assert server.request("GET", "/welcome", over=connection).json == {"hello": "stranger"}
    connection.close()


def test_a_socket_without_a_token_is_refused_with_an_answer(server):
    async def knock():
        async with connect(f"ws://127.0.0.1:{server.port}/echo"):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(knock())
    answer = refused.value.response
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert b"missing_token" in answer.body


def test_a_socket_ends_with_its_session(server):
    token = log_in(server)

    async def talk():
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(f"ws://127.0.0.1:{server.port}/echo", additional_headers=headers) as socket:
            assert await socket.recv() == "Hello, alice!"
            await socket.send("hello")
            assert await socket.recv() == "hello"
            began = time.monotonic()
            answer = await asyncio.to_thread(server.request, "POST", "/auth/logout", token=token)
            assert answer.status == 204
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 4401
            assert time.monotonic() - began < 1.5

    asyncio.run(talk())
    assert "Traceback" not in server.log


def test_a_client_that_goes_away_within_its_body_leaves_no_traceback(server):
    with server.connection() as connection:
        connection.sendall(
            b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"username"'
        )
    assert log_in(server)
    assert "Traceback" not in server.log
