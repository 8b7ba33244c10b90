"""The ready-made application, in this process; ``tests/system`` drives the same one over a socket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest
from flask.testing import FlaskClient

from watchword import Auth, Settings
from watchword.errors import StoreUnavailable
from watchword.server import serving
from watchword.server.app import create_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[flask.Flask]:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/app.db"))
    yield app
    desk(app).close()


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def desk(app: flask.Flask) -> Auth:
    return app.extensions["watchword"].desk


def test_the_protected_page_greets_whoever_is_logged_in(app: flask.Flask, client: FlaskClient) -> None:
    tokens = desk(app).start("user-1", username="alice")

    answer = client.get("/protected", headers={"Authorization": f"Bearer {tokens.access_token}"})

    assert (answer.status_code, answer.json) == (200, {"message": "Hello, alice!"})
    assert client.get("/protected").status_code == 401


def test_it_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready"}


def test_ready_with_other_settings_than_the_newest_node_it_says_so(
    app: flask.Flask, client: FlaskClient, tmp_path: Path
) -> None:
    assert client.get("/readyz").json == {"status": "ready"}
    newest = Auth(f"sqlite:///{tmp_path}/app.db", settings=Settings(leeway=60))
    newest._revocations.poll()
    newest.close()
    desk(app)._revocations.poll()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "settings_differ": ["leeway"]})


def test_without_its_store_it_is_alive_and_not_ready(
    app: flask.Flask, client: FlaskClient, tmp_path: Path
) -> None:
    (tmp_path / "app.db").rename(tmp_path / "elsewhere.db")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json["error"]) == (503, StoreUnavailable.code)
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not_found"),
        ("DELETE", "/protected", 405, "method_not_allowed"),
        ("GET", "/auth/login", 405, "method_not_allowed"),
    ],
)
def test_what_flask_refuses_is_json_too(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.open(path, method=method)

    assert (answer.status_code, answer.json["error"]) == (status, code)
    assert answer.content_type == "application/json"
    assert ("Allow" in answer.headers) == (status == 405)


def test_an_error_of_ours_says_nothing_of_itself(
    app: flask.Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a detail")

    answer = client.get("/broken")

    assert (answer.status_code, answer.json["error"]) == (500, "server_error")
    assert b"detail" not in answer.data
    assert "a detail" in caplog.text  # for us, in the log


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/environment.db")
    monkeypatch.setenv("WATCHWORD_VECTORS", "no setting: where our own tests find theirs")

    desk(create_app()).close()

    assert (tmp_path / "environment.db").exists()


def test_the_first_account_is_made_once(app: flask.Flask) -> None:
    password = serving.add_first_account(desk(app), None)

    assert password is not None
    assert len(password) >= 20
    assert desk(app).login("admin", password).subject
    assert serving.add_first_account(desk(app), None) is None
    assert [account.username for account in desk(app).accounts.list_all()] == ["admin"]


def test_a_line_of_the_access_log_stays_one_line() -> None:
    record = logging.LogRecord("granian.access", logging.INFO, "", 0, "GET /\n[forged] é", None, None)

    assert serving._OneLine("%(message)s").format(record) == "GET /\\n[forged] \\xe9"


def test_advice_on_threads_is_kept_out_of_the_log() -> None:
    advice = logging.LogRecord(
        "_granian", logging.WARNING, "", 0, "up to 8 Python threads, which", None, None
    )
    news = logging.LogRecord("_granian", logging.INFO, "", 0, "Starting granian", None, None)

    assert not serving._is_relevant(advice)
    assert serving._is_relevant(news)
