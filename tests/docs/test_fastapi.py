"""Every block of docs/fastapi.md runs, and does what the page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

PAGE = Path("docs/fastapi.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
PASSWORD = "correct horse battery staple"


@pytest.fixture
def run(tmp_path, monkeypatch) -> Iterator[Any]:
    """Runs blocks one after the other, as one module; returns it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHWORD_ISSUER", "http://localhost:8000")
    extensions: list[Any] = []

    def run(*titles: str) -> Any:
        module = ModuleType("snippet")
        monkeypatch.setitem(sys.modules, "snippet", module)  # annotations are looked up there
        for title in ("complete", *titles):
            exec(compile(BLOCKS[title], f"docs/fastapi.md, {title}", "exec"), module.__dict__)
            names = ("auth", "customers", "staff")
            extensions.extend(vars(module)[name] for name in names if name in vars(module))
        return module

    yield run
    for extension in extensions:
        extension.close()


def bearer(auth: Any, *scopes: str, username: str = "alice") -> dict[str, str]:
    tokens = auth.core.start("7", scopes, username=username)
    return {"Authorization": f"Bearer {tokens.access_token}"}


def test_every_block_is_run_here() -> None:
    assert set(BLOCKS) == {
        "complete", "users", "overrides", "router", "own login", "own format", "two extensions",
    }  # fmt: skip


def test_the_example_does_what_it_says(run: Any) -> None:
    page = run()
    client, headers = TestClient(page.app), bearer(page.auth, "reports:read")
    assert client.get("/hello").status_code == 401
    assert client.get("/hello", headers=headers).json() == {"message": "Hello, alice!"}
    assert client.get("/reports", headers=bearer(page.auth)).status_code == 403
    assert client.get("/reports", headers=headers).json() == {"reports": []}
    assert client.get("/welcome").json() == {"hello": "stranger"}
    assert client.post("/danger", headers=headers).json() == {"done": True}
    with client.websocket_connect("/echo", headers=headers) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "alice: hello"
        page.auth.core.end_all("7")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4401
    assert {"/auth/login", "/auth/logout", "/hello"} <= client.get("/openapi.json").json()["paths"].keys()


def test_the_application_s_users(run: Any) -> None:
    page = run("users")
    client = TestClient(page.app)
    assert client.get("/plan", headers=bearer(page.auth)).json() == {"plan": "pro"}
    assert client.get("/plan", headers=bearer(page.auth, username="bob")).status_code == 401


def test_the_test_of_the_page(run: Any) -> None:
    run("overrides").test_hello()


def test_the_router_is_where_the_application_includes_it(run: Any) -> None:
    page = run("router")
    page.auth.core.accounts.add("alice", PASSWORD)
    answer = TestClient(page.app).post("/api/auth/login", json={"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200


def test_the_own_login_is_the_only_one_and_a_mistake_has_the_own_format(run: Any) -> None:
    page = run("own login", "own format")
    client, credentials = TestClient(page.app), {"username": "alice", "password": PASSWORD}
    assert client.post("/sign-up", json=credentials).status_code == 201
    assert client.post("/login", json=credentials).json()["welcome"] is True
    assert client.post("/auth/login", json=credentials).status_code == 404
    answer = client.post("/sign-up", json=credentials)
    assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")
    answer = client.get("/auth/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")


def test_customers_and_staff_are_apart(run: Any) -> None:
    page = run("two extensions")
    client, own, foreign = TestClient(page.app), bearer(page.customers), bearer(page.staff)
    assert client.get("/orders", headers=own).status_code == 200
    assert client.get("/orders", headers=foreign).status_code == 401
    assert client.get("/staff/orders", headers=foreign).status_code == 200
    assert client.get("/staff/orders", headers=own).status_code == 401
