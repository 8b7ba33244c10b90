"""The middleware: it finds users, refuses nobody, answers our errors, and opens and closes the store."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from watchword import Auth, Key, Settings, Verifier
from watchword.errors import InvalidSettings, StoreUnavailable, UsernameTaken
from watchword.web import current_identity
from watchword.web.starlette import Watchword


@pytest.fixture
def client(extension, serve, describing):
    @requires("reports:read")
    async def read_reports(request):
        return PlainTextResponse(request.user.display_name)

    return serve(
        Route("/open", describing), Route("/reports", read_reports), middleware=[extension.middleware]
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer a, b"},
    ],
)
def test_a_view_that_is_not_guarded_is_never_refused(client, headers):
    answer = client.get("/open", headers=headers)
    assert (answer.status_code, answer.json()["authenticated"]) == (200, False)


def test_a_good_token_has_a_user_with_scopes(client, bearer_of):
    answer = client.get("/open", headers=bearer_of("a", "b")).json()
    assert (answer["authenticated"], answer["name"]) == (True, "alice")
    assert answer["scopes"] == ["a", "b", "authenticated"]


def test_requires_of_starlette_works(client, bearer_of):
    assert client.get("/reports").status_code == 403
    assert client.get("/reports", headers=bearer_of("other")).status_code == 403
    assert client.get("/reports", headers=bearer_of("reports:read")).text == "alice"


@pytest.mark.parametrize("is_outer", [True, False])
def test_the_middleware_of_another_extension_hides_no_identity(
    extension, serve, describing, bearer_of, is_outer
):
    other = Watchword(settings=Settings(database_url="sqlite://", prefix="/staff/auth"))
    middleware = [extension.middleware, other.middleware]
    client = serve(
        Route("/open", describing), middleware=middleware if is_outer else list(reversed(middleware))
    )
    answer = client.get("/open", headers=bearer_of()).json()
    assert (answer["identity"], answer["current"]) == ("7", "7")
    assert client.get("/open").json()["current"] is None
    other.close()


def test_requires_of_starlette_knows_who_is_logged_in(extension, serve, bearer_of):
    @requires("authenticated")
    def read(request):
        return PlainTextResponse(request.user.display_name)

    client = serve(Route("/", read), middleware=[extension.middleware])
    assert [client.get("/", headers=headers).status_code for headers in ({}, bearer_of())] == [403, 200]


def test_a_stream_and_a_background_task_have_the_identity(extension, serve, bearer_of):
    seen = []

    def list_subjects():
        yield current_identity().subject
        yield current_identity().subject

    def answer(request):
        task = BackgroundTask(lambda: seen.append(current_identity().subject))
        return StreamingResponse(list_subjects(), background=task)

    client = serve(Route("/", extension.protect(answer)), middleware=[extension.middleware])
    assert client.get("/", headers=bearer_of()).text == "77"
    assert seen == ["7"]


def test_a_view_that_is_not_guarded_works_while_the_store_is_away(client, bearer_of, desk, monkeypatch):
    headers = bearer_of()

    def fail(*_):
        raise StoreUnavailable

    monkeypatch.setattr(desk, "authenticate", fail)
    assert client.get("/open", headers=headers).json()["authenticated"] is False


def test_a_mistake_of_the_application_shows(extension, client, bearer_of, desk, monkeypatch):
    def fail(*_):
        raise InvalidSettings

    monkeypatch.setattr(desk, "authenticate", fail)
    with pytest.raises(InvalidSettings):
        client.get("/open", headers=bearer_of())


def test_an_error_of_ours_in_any_view_gets_our_response(extension, serve):
    def take(request):
        raise UsernameTaken

    client = serve(Route("/", take), middleware=[extension.middleware])
    answer = client.get("/")
    assert (answer.status_code, answer.json()["error"]) == (409, "username_taken")


@pytest.fixture
def opened(monkeypatch):
    """How many Auths were opened and not closed."""
    opened = []
    close = Auth.close
    monkeypatch.setattr(Auth, "close", lambda self: (opened.remove(self), close(self)))
    original = Auth.__init__

    def count(self, *args, **kwargs):
        original(self, *args, **kwargs)
        opened.append(self)

    monkeypatch.setattr(Auth, "__init__", count)
    return opened


def test_the_store_opens_at_the_start_and_closes_at_the_end_around_the_application_s_lifespan(opened):
    seen = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        seen.append("started")
        yield {"own": 1}
        seen.append(f"ended with {len(opened)} open")

    extension = Watchword(settings=Settings(database_url="sqlite://", issuer="https://i.example"))
    app = Starlette(routes=extension.routes, middleware=[extension.middleware], lifespan=lifespan)
    assert opened == []
    with TestClient(app):
        assert len(opened) == 1
    assert (opened, seen) == ([], ["started", "ended with 1 open"])


def test_the_store_opens_at_the_first_token_without_a_lifespan(opened, describing):
    extension = Watchword(settings=Settings(database_url="sqlite://", issuer="https://i.example"))
    app = Starlette(routes=[Route("/", describing)], middleware=[extension.middleware])
    client = TestClient(app)
    assert client.get("/").status_code == 200
    assert opened == []
    client.get("/", headers={"Authorization": "Bearer a.b.c"})
    assert len(opened) == 1
    extension.close()
    assert opened == []


def test_a_store_with_other_settings_keeps_the_application_from_starting(tmp_path):
    url = f"sqlite:///{tmp_path / 'app.db'}"
    Auth(settings=Settings(database_url=url, issuer="https://i.example", secret=["s" * 40])).close()
    extension = Watchword(settings=Settings(database_url=url, issuer="https://i.example", secret=["t" * 40]))
    app = Starlette(middleware=[extension.middleware])
    with pytest.raises(InvalidSettings), TestClient(app):
        pass


def test_an_application_starts_while_the_store_is_away(caplog):
    settings = Settings(
        database_url="postgresql://127.0.0.1:1/none", issuer="https://i.example", secret=["s" * 40]
    )
    extension = Watchword(settings=settings)
    app = Starlette(
        routes=[Route("/", extension.protect(lambda request: PlainTextResponse("")))],
        middleware=[extension.middleware],
    )
    with TestClient(app) as client:
        assert client.get("/").status_code == 401
        answer = client.get("/", headers={"Authorization": "Bearer a.b.c"})
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
        assert answer.headers["retry-after"]
    assert "the store cannot be opened" in caplog.text


def test_a_verifier_has_nothing_to_open(serve):
    extension = Watchword(Verifier(Key.generate("HS256")))
    with serve(middleware=[extension.middleware]):
        pass


def test_the_store_is_closed_before_the_application_reports_its_end(opened):
    extension = Watchword(settings=Settings(database_url="sqlite://", issuer="https://i.example"))
    app = Starlette(middleware=[extension.middleware])
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    reported = []

    async def receive():
        return events.pop(0)

    async def send(message):
        reported.append((message["type"], len(opened)))

    asyncio.run(app({"type": "lifespan", "state": {}}, receive, send))
    assert reported == [("lifespan.startup.complete", 1), ("lifespan.shutdown.complete", 0)]
