"""The ready-made application, in this process; ``tests/system`` drives the same one over a socket."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from watchword_servers import clean_environment, free_port, until

from watchword import Auth, Settings
from watchword.errors import StoreUnavailable
from watchword.server import serving
from watchword.server.app import create_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/app.db"))
    yield app
    app.state.auth.close()


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return TestClient(app, client=("127.0.0.1", 50_000))


def core(app: Starlette) -> Auth:
    auth: Auth = app.state.auth.core
    return auth


def test_the_protected_page_greets_whoever_is_logged_in(app: Starlette, client: TestClient) -> None:
    tokens = core(app).start("user-1", username="alice")

    answer = client.get("/protected", headers={"Authorization": f"Bearer {tokens.access_token}"})

    assert (answer.status_code, answer.json()) == (200, {"message": "Hello, alice!"})
    assert client.get("/protected").status_code == 401


def test_it_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_ready_with_other_settings_than_the_newest_node_it_says_so(
    app: Starlette, client: TestClient, tmp_path: Path
) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    newest = Auth(f"sqlite:///{tmp_path}/app.db", settings=Settings(leeway=60))
    newest._revocations.poll()
    newest.close()
    core(app)._revocations.poll()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "settings_differ": ["leeway"]})


def test_without_its_store_it_is_alive_and_not_ready(
    app: Starlette, client: TestClient, tmp_path: Path
) -> None:
    (tmp_path / "app.db").rename(tmp_path / "elsewhere.db")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["error"]) == (503, StoreUnavailable.code)
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
def test_what_starlette_refuses_is_json_too(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/json"
    assert ("Allow" in answer.headers) == (status == 405)


def test_an_error_of_ours_says_nothing_of_itself(
    app: Starlette, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Request) -> Response:
        raise RuntimeError("a detail")

    app.add_route("/broken", fail)
    answer = client.get("/broken")

    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert b"detail" not in answer.content
    assert "a detail" in caplog.text  # for us, in the log
    assert answer.headers["X-Request-ID"] in caplog.text


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/environment.db")
    monkeypatch.setenv("WATCHWORD_VECTORS", "no setting: where our own tests find theirs")

    create_app().state.auth.close()

    assert (tmp_path / "environment.db").exists()


def test_the_first_account_is_made_once(app: Starlette) -> None:
    password = serving.add_first_account(core(app), None)

    assert password is not None
    assert len(password) >= 20
    assert core(app).login("admin", password).subject
    assert serving.add_first_account(core(app), None) is None
    assert [account.username for account in core(app).accounts.list_all()] == ["admin"]


@pytest.mark.parametrize(
    ("path", "allowed"), [("/protected", "GET, HEAD, OPTIONS"), ("/auth/login", "OPTIONS, POST")]
)
def test_options_is_answered_without_a_token(client: TestClient, path: str, allowed: str) -> None:
    answer = client.options(path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Allow"] == allowed


def test_each_start_opens_the_store_and_each_stop_closes_it(app: Starlette) -> None:
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/readyz").status_code == 200


def test_the_server_needs_no_other_framework() -> None:
    shown = "import sys, watchword.server.serving; print({'django', 'fastapi', 'flask'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_another_asgi_server_runs_it_by_its_factory(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "watchword.server.app:create_app"]
    environment = {"WATCHWORD_DATABASE_URL": f"sqlite:///{tmp_path}/app.db", "WATCHWORD_METRICS": "true"}
    with subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=tmp_path,
        env=clean_environment(environment),
        stderr=subprocess.PIPE,
    ) as process:
        try:
            until(lambda: answers(port, "/readyz"), "it is ready")
            assert answers(port, "/metrics")
        finally:
            process.terminate()
            _, log = process.communicate(timeout=20)
    assert b"Traceback" not in log
    assert b"GET /readyz" not in log, "the access log is the other server's"


def answers(port: int, path: str) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        try:
            connection.request("GET", path)
        except OSError:
            return False
        answer = connection.getresponse()
        return answer.status == 200 and answer.headers["X-Request-ID"] is not None
