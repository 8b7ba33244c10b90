"""Every block of docs/starlette.md runs, and does what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

PAGE = Path("docs/starlette.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
PASSWORD = "correct horse battery staple"


@pytest.fixture
def run(tmp_path, monkeypatch) -> Iterator[Any]:
    """Runs blocks one after the other; returns their names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHWORD_ISSUER", "http://localhost:8000")
    extensions: list[Any] = []

    def run(*titles: str) -> Any:
        names: dict[str, Any] = {"__name__": "snippet"}
        for title in ("complete", *titles):
            exec(compile(BLOCKS[title], f"docs/starlette.md, {title}", "exec"), names)
            extensions.extend(names[name] for name in ("auth", "customers", "staff") if name in names)
        return SimpleNamespace(**names)

    yield run
    for extension in extensions:
        extension.close()


def bearer(auth: Any, *scopes: str, username: str = "alice") -> dict[str, str]:
    tokens = auth.core.start("7", scopes, username=username)
    return {"Authorization": f"Bearer {tokens.access_token}"}


def test_every_block_is_run_here() -> None:
    assert set(BLOCKS) == {
        "complete",
        "requires",
        "users",
        "tests",
        "own login",
        "own format",
        "two extensions",
    }


def test_the_example_does_what_it_says(run: Any) -> None:
    page = run()
    client, headers = TestClient(page.app), bearer(page.auth, "reports:read")
    assert client.get("/hello").status_code == 401
    assert client.get("/hello", headers=headers).json() == {"message": "Hello, alice!"}
    assert client.get("/reports", headers=bearer(page.auth)).status_code == 403
    assert client.get("/reports", headers=headers).json() == {"reports": []}
    assert client.get("/welcome").json() == {"hello": "stranger"}
    assert client.get("/welcome", headers=headers).json() == {"hello": "alice"}
    assert client.post("/danger", headers=headers).json() == {"done": True}
    with client.websocket_connect("/echo", headers=headers) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "alice: hello"
        page.auth.core.end_all("7")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4401


def test_requires_works_behind_the_middleware(run: Any) -> None:
    page = run("requires")
    app = Starlette(routes=[Route("/", page.count_reports)], middleware=[page.auth.middleware])
    client = TestClient(app)
    assert client.get("/").status_code == 403
    assert client.get("/", headers=bearer(page.auth, "reports:read")).json() == {"reports": 0, "of": "alice"}


def test_the_test_of_the_page(run: Any) -> None:
    run("tests").test_hello()


def test_the_application_s_users(run: Any) -> None:
    page = run("users")
    client = TestClient(page.app)
    assert client.get("/plan", headers=bearer(page.auth)).json() == {"plan": "pro"}
    assert client.get("/plan", headers=bearer(page.auth, username="bob")).status_code == 401


def test_the_own_login_is_the_only_one_and_is_recorded_with_its_client(run: Any) -> None:
    page = run("own login")
    account = page.auth.core.accounts.add("alice", PASSWORD)
    client, credentials = (
        TestClient(page.app, client=("203.0.113.9", 1)),
        {"username": "alice", "password": PASSWORD},
    )
    assert client.post("/login", json=credentials).json()["welcome"] is True
    assert client.post("/auth/login", json=credentials).status_code == 404
    assert client.post("/login", json={}).status_code == 400
    assert page.auth.core.sessions(account.subject)[0].ip_address == "203.0.113.9"


def test_errors_have_the_own_format(run: Any) -> None:
    client = TestClient(run("own format").app)
    for path in "/hello", "/auth/me":
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")


def test_customers_and_staff_are_apart(run: Any) -> None:
    page = run("two extensions")
    client, own, foreign = TestClient(page.app), bearer(page.customers), bearer(page.staff)
    assert client.get("/orders", headers=own).json() == {"customer": "7"}
    assert client.get("/orders", headers=foreign).status_code == 401
    assert client.get("/staff/orders", headers=foreign).json() == {"employee": "7"}
    assert client.get("/staff/orders", headers=own).status_code == 401
