"""Every block of docs/flask.md runs, and does what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from watchword import Issuer

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
        "own rights", "old tokens",
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
