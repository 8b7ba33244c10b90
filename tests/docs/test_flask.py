"""Every block of docs/flask.md runs, and does what the page says."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
import pytest
import socketio
from watchword_servers import until
from werkzeug.serving import make_server

from watchword import Auth, Issuer

DOCUMENT = Path("docs/flask.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL))
PASSWORD = "correct horse battery staple"

Names = dict[str, Any]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Iterator[Any]:
    """Runs blocks one after the other; returns their names."""
    monkeypatch.chdir(tmp_path)
    ran: list[Names] = []

    def run(*titles: str) -> Names:
        names: Names = {"__name__": "snippet"}
        for title in ("a view", *titles):
            exec(compile(BLOCKS[title], f"docs/flask.md, {title}", "exec"), names)
            ran.append(dict(names))
        return names

    yield run
    for names in ran:
        for extension in ("auth", "customers", "staff"):
            if extension in names:
                names[extension].close()


def bearer(auth: Any, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {auth.core.start('7', scopes).access_token}"}


def test_every_block_is_run_here() -> None:
    assert set(BLOCKS) == {
        "a view", "own login", "own format", "two extensions", "alembic", "a fixture",
        "own rights", "old tokens", "all views", "a check", "own users", "a stream", "sockets",
    }  # fmt: skip


def test_the_views_ask_for_what_the_page_says(run: Any) -> None:
    names = run()
    client, headers = names["app"].test_client(), bearer(names["auth"], "reports:read")
    assert client.get("/reports").status_code == 401
    assert client.get("/reports", headers=bearer(names["auth"])).status_code == 403
    assert client.get("/reports", headers=headers).get_json() == {"reports of": "7"}
    assert client.post("/danger", headers=headers).get_json() == {"done": True}
    assert client.get("/welcome").get_json() == {"hello": "stranger"}
    assert client.get("/welcome", headers=headers).get_json() == {"hello": "7"}


def test_all_views_are_guarded_but_the_exceptions(run: Any) -> None:
    names = run("all views")
    client, auth = names["app"].test_client(), names["auth"]
    assert client.get("/account").status_code == 401
    assert client.get("/account", headers=bearer(auth)).get_json() == {"username": "7"}
    assert client.get("/").text == "Welcome"
    assert client.get("/news").get_json() == {"for": "everyone"}
    assert client.get("/news", headers=bearer(auth)).get_json() == {"for": "7"}
    assert client.get("/admin/accounts", headers=bearer(auth)).status_code == 403
    assert client.get("/admin/accounts", headers=bearer(auth, "admin")).get_json() == []
    assert client.get("/nowhere").status_code == 404


def test_a_check_asks_for_what_the_request_needs(run: Any) -> None:
    names = run("a check")
    app, auth, owners = names["app"], names["auth"], names["owners"]
    names["reports"].add_url_rule("/", "root", lambda: "open", methods=["GET", "POST"])
    app.register_blueprint(names["reports"])
    client = app.test_client()
    owners["2"] = "7"
    assert client.delete("/documents/2", headers=bearer(auth)).get_json() == {"deleted": "2"}
    assert client.delete("/documents/1", headers=bearer(auth)).status_code == 403
    assert client.delete("/documents/1", headers=bearer(auth, "documents:delete")).status_code == 200
    assert client.get("/reports/", headers=bearer(auth, "reports:read")).text == "open"
    assert client.post("/reports/", headers=bearer(auth, "reports:read")).status_code == 403
    assert client.options("/reports/").status_code == 200


def test_a_view_reads_the_own_user(run: Any) -> None:
    names = run("own users")
    client = names["app"].test_client()
    assert client.get("/profile", headers=bearer(names["auth"])).get_json() == {"name": "Alice"}
    names["users"].clear()
    assert client.get("/profile", headers=bearer(names["auth"])).status_code == 401


def test_a_header_of_another_name_holds_the_token(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_TOKEN_HEADER", "X-Watchword-Token")
    names = run()
    client, token = names["app"].test_client(), names["auth"].core.start("7").access_token
    for value in (token, f"Bearer {token}"):
        headers = {"X-Watchword-Token": value, "Authorization": "Basic Z2F0ZXdheQ=="}
        assert client.get("/welcome", headers=headers).get_json() == {"hello": "7"}
    assert client.get("/reports", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_stream_ends_with_its_session(run: Any) -> None:
    names = run("a stream")
    auth = names["auth"]
    tokens = auth.core.start("7")
    headers = {"Authorization": f"Bearer {tokens.access_token}"}
    with names["app"].test_client().get("/ticks", headers=headers) as answer:
        parts = iter(answer.response)
        assert [next(parts) for _ in range(2)] == [b"data: 0\n\n", b"data: 1\n\n"]
        auth.core.logout(tokens.access_token)
        assert list(parts) == []


def test_a_socket_needs_a_token_and_ends_with_its_session(run: Any) -> None:
    names = run("sockets")
    app, auth = names["app"], names["auth"]
    tokens = auth.core.start("7", username="alice")
    with serve_sockets(app) as url:
        assert refuse_socket(url) == "missing_token"
        assert refuse_socket(url, Authorization="Bearer a.b.c") == "malformed_token"
        with socketio.SimpleClient() as client:
            client.connect(url, headers={"Authorization": f"Bearer {tokens.access_token}"})
            assert client.call("whoami") == "alice"
            elsewhere = Auth(auth.core.settings.database_url, settings=auth.core.settings)
            elsewhere.logout(tokens.access_token)
            until(lambda: not client.connected, "the connection has ended", within=5)
            elsewhere.close()
        until(lambda: names["identities"] == {}, "the connection is forgotten")


def refuse_socket(url: str, **headers: str) -> Any:
    """What a client whose connection is refused is told."""
    client = socketio.Client()
    told: list[Any] = []
    client.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(url, headers=headers)
    client.disconnect()
    (error,) = told
    return error["message"] if isinstance(error, dict) else error


@contextmanager
def serve_sockets(app: flask.Flask) -> Iterator[str]:
    """Serve an application with Flask-SocketIO as ``socketio.run`` does, in a thread that ends."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_own_login_is_the_only_one_and_a_mistake_has_the_own_format(run: Any) -> None:
    client = run("own login", "own format")["app"].test_client()
    credentials = {"username": "alice", "password": PASSWORD}
    assert client.post("/sign-up", json=credentials).status_code == 201
    assert client.post("/login", json=credentials).get_json()["welcome"] is True
    assert client.post("/auth/login", json=credentials).status_code == 404
    answer = client.post("/sign-up", json=credentials)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "username_taken")
    for odd in ({}, {"username": {"$ne": None}, "password": 5}):
        assert [client.post(path, json=odd).status_code for path in ("/login", "/sign-up")] == [400, 422]


def test_rights_are_those_of_today_at_each_refresh(run: Any) -> None:
    names = run("own rights")
    client = names["app"].test_client()
    tokens = client.post("/auth/login", json={"username": "alice", "password": PASSWORD}).get_json()
    assert tokens["scope"] == "reports:read reports:write"
    names["roles"]["7"] = ["reports:read"]
    tokens = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).get_json()
    assert tokens["scope"] == "reports:read"
    names["roles"].clear()
    refused = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")


def test_customers_and_staff_are_apart(run: Any) -> None:
    names = run("two extensions")
    client = names["app"].test_client()
    own, foreign = bearer(names["customers"]), bearer(names["staff"])
    assert client.get("/orders", headers=own).get_json() == {"customer": "7"}
    assert client.get("/orders", headers=foreign).status_code == 401
    assert client.get("/staff/orders", headers=foreign).get_json() == {"employee": "7"}
    assert client.get("/staff/orders", headers=own).status_code == 401
    with names["app"].test_request_context():
        assert flask.url_for("watchword_staff_auth.login") == "/staff/auth/login"


def test_old_tokens_open_a_view_and_no_endpoint(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_JWT_SECRET", "s" * 32)
    names = run("old tokens")
    client, auth = names["app"].test_client(), names["auth"]
    token = Issuer("https://old.example", names["legacy_key"]).issue("42")
    old = {"Authorization": f"Bearer {token}"}
    assert client.get("/profile", headers=old).get_json() == {
        "subject": "42",
        "issuer": "https://old.example",
    }
    assert client.get("/profile", headers=bearer(auth)).get_json()["subject"] == "7"
    assert client.get("/auth/me", headers=old).status_code == 401
    assert client.post("/auth/logout", headers=old).status_code == 401


def test_alembic_is_told_of_our_tables_and_no_others(run: Any) -> None:
    include_name = run("alembic")["include_name"]
    assert not include_name("watchword_sessions", "table", {})
    assert include_name("users", "table", {})
    assert include_name("watchword_sessions_subject", "index", {})


def test_the_fixture_makes_an_application_and_closes_it(run: Any) -> None:
    create_app = run("a fixture")["create_app"]
    app, auth = create_app()
    assert app.test_client().get("/auth/me", headers=bearer(auth)).get_json()["subject"] == "7"
    auth.close()


def test_a_test_of_an_application_calls_its_views_as_any_user(run: Any) -> None:
    names = run("a fixture")
    auth = names["auth"]
    client = names["app"].test_client()
    headers = names["bearer"](auth, "alice", "reports:read")
    assert client.get("/reports", headers=headers).get_json() == {"reports of": "alice"}
    assert client.get("/reports", headers=names["bearer"](auth, "alice")).status_code == 403
