"""The extension: its arguments, its applications, the life of its store, and the extra that it needs."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys

import flask
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette

from watchword import Auth, Key, Settings, Verifier
from watchword.errors import InvalidSettings
from watchword.web.fastapi import Watchword

SETTINGS = Settings(database_url="sqlite://", issuer="https://i.example")


@pytest.fixture
def opened(monkeypatch):
    """The Auths that were opened and not closed."""
    opened = []
    start, close = Auth.__init__, Auth.close

    def count_start(self, *args, **kwargs):
        start(self, *args, **kwargs)
        opened.append(self)

    def count_close(self):
        opened.remove(self)
        close(self)

    monkeypatch.setattr(Auth, "__init__", count_start)
    monkeypatch.setattr(Auth, "close", count_close)
    return opened


@pytest.mark.parametrize("place", ["app", "router"])
def test_the_store_opens_at_the_start_and_closes_at_the_end(opened, place):
    seen = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        seen.append("started")
        auth.core.start("7")  # There is no client, because there is no request.
        yield {"own": 1}
        seen.append("ended")

    app = FastAPI(lifespan=lifespan)
    auth = Watchword(app if place == "app" else None, settings=SETTINGS)
    if place == "router":
        app.include_router(auth.router)
    assert opened == []
    with TestClient(app) as client:
        assert len(opened) == 1
        assert client.app_state == {"own": 1}
    assert (opened, seen) == ([], ["started", "ended"])


def test_the_store_opens_at_the_first_token_without_a_lifespan(opened):
    app = FastAPI()
    auth = Watchword(app, settings=SETTINGS)
    app.get("/", dependencies=[Depends(auth.identity)])(lambda: "in")
    client = TestClient(app)
    assert client.get("/").status_code == 401
    assert opened == []
    assert client.get("/", headers={"Authorization": "Bearer a.b.c"}).status_code == 401
    assert len(opened) == 1
    headers = {"Authorization": f"Bearer {auth.core.start('7').access_token}"}
    assert client.get("/", headers=headers).json() == "in"
    auth.close()
    assert opened == []


def test_an_application_starts_while_the_store_is_away(caplog):
    app = FastAPI()
    settings = Settings(
        database_url="postgresql://127.0.0.1:1/none", issuer="https://i.example", secret=["s" * 40]
    )
    auth = Watchword(app, settings=settings)
    app.get("/", dependencies=[Depends(auth.identity)])(lambda: "in")
    with TestClient(app) as client:
        answer = client.get("/", headers={"Authorization": "Bearer a.b.c"})
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
    assert "the store cannot be opened" in caplog.text


def test_an_extension_serves_several_applications(desk):
    auth, apps = Watchword(auth=desk), [FastAPI(), FastAPI()]
    for app in apps:
        auth.init_app(app)
        assert TestClient(app).get("/auth/me").status_code == 401
    with pytest.raises(InvalidSettings, match="set up for the application 'FastAPI' already"):
        auth.init_app(apps[0])


@pytest.mark.parametrize("app", [flask.Flask("x"), Starlette(), Settings(), "app"])
def test_what_is_not_an_application_is_refused(app):
    with pytest.raises(InvalidSettings, match="app must be the FastAPI application, not"):
        Watchword(app)
    with pytest.raises(InvalidSettings, match="app must be the FastAPI application, not"):
        Watchword(settings=SETTINGS).init_app(app)


def test_an_auth_in_the_place_of_the_application_is_refused(desk):
    with pytest.raises(InvalidSettings, match=r"Watchword\(auth=\.\.\.\)"):
        Watchword(desk)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoints": {"logni": False}}, "Did you mean login"),
        ({"also": Verifier(Key.generate("HS256"))}, r"also=\[verifier\]"),
        ({"load_user": "user"}, "load_user must be"),
        ({"settings": {"issuer": "x"}}, "settings must be a Settings"),
    ],
)
def test_an_argument_of_the_wrong_form_is_refused(options, message):
    with pytest.raises(InvalidSettings, match=message):
        Watchword(FastAPI(), **{"settings": SETTINGS, **options})


def test_a_wrong_setting_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("WATCHWORD_ACCESS_LIFETIME", "long")
    with pytest.raises(InvalidSettings, match="WATCHWORD_ACCESS_LIFETIME"):
        Watchword(FastAPI())


def test_annotations_may_be_text(tmp_path, monkeypatch):
    module = tmp_path / "postponed.py"
    module.write_text(
        """
from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Security, WebSocket

from watchword import Identity, Settings
from watchword.web.fastapi import Watchword

app = FastAPI()
auth = Watchword(app, settings=Settings(database_url="sqlite://", issuer="https://i.example"))
CurrentIdentity = Annotated[Identity, Security(auth.identity)]


@app.get("/")
async def show(identity: CurrentIdentity, fresh: Annotated[Identity, Depends(auth.fresh(300))]):
    return identity.subject


@app.websocket("/socket")
async def speak(websocket: WebSocket, identity: CurrentIdentity):
    await websocket.accept()
    await websocket.send_text(identity.subject)
    await websocket.close()
"""
    )
    spec = importlib.util.spec_from_file_location("postponed", module)
    postponed = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "postponed", postponed)
    spec.loader.exec_module(postponed)
    client = TestClient(postponed.app)
    headers = {"Authorization": f"Bearer {postponed.auth.core.start('7').access_token}"}
    assert client.get("/", headers=headers).json() == "7"
    with client.websocket_connect("/socket", headers=headers) as socket:
        assert socket.receive_text() == "7"
    postponed.auth.close()


def test_a_missing_framework_is_reported_with_the_extra():
    code = "import sys; sys.modules['fastapi'] = None; import watchword.web.fastapi"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.rstrip().endswith("this needs an extra: pip install 'watchword[fastapi]'")
