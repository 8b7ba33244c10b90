"""The bearer class guards synchronous and asynchronous operations, over WSGI and ASGI."""

from __future__ import annotations

import functools
import itertools
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.urls import path
from ninja import NinjaAPI, Router
from ninja.errors import AuthenticationError
from ninja.security import HttpBasicAuth, django_auth
from ninja.testing import TestAsyncClient, TestClient

from watchword import Identity, Settings
from watchword.errors import InvalidSettings, RevocationsUnavailable, StoreUnavailable
from watchword.web import current_identity
from watchword.web.django import Watchword, auth
from watchword.web.django.ninja import ANONYMOUS, WatchwordBearer

COUNTER = itertools.count()
ENTRIES = {"ISSUER": "https://login.example", "AUDIENCE": "api", "DATABASE_URL": "sqlite://"}


class Basic(HttpBasicAuth):
    def authenticate(self, request: Any, username: str, password: str) -> str | None:
        return username if password == "right" else None


GUARDS = {
    "identity": WatchwordBearer(),
    "scopes": WatchwordBearer(scopes=["a", "b"]),
    "any": WatchwordBearer(any_scopes=["a", "b"]),
    "fresh": WatchwordBearer(fresh=300),
    "optional": WatchwordBearer(optional=True),
    "basic-too": [WatchwordBearer(), Basic()],
    "basic-first": [Basic(), WatchwordBearer()],
    "session-too": [WatchwordBearer(), django_auth],
    "open-too": [WatchwordBearer(), lambda request: "anyone"],
}


def describe(request: Any) -> dict[str, Any]:
    identity = request.auth
    if not isinstance(identity, Identity):
        return {"auth": str(identity), "identity": getattr(request, "identity", None)}
    return {"subject": identity.subject, "is_one": identity is request.identity is current_identity()}


def make_api() -> NinjaAPI:
    api = NinjaAPI(auth=WatchwordBearer(), urls_namespace=f"test {next(COUNTER)}")

    def answer(request):
        return describe(request)

    async def answer_async(request):
        return describe(request)

    def read_user(request):
        return {"user": request.user.get_username()}

    async def read_user_async(request):
        return {"user": (await request.auser()).get_username()}

    for name, guard in GUARDS.items():
        api.get(f"/{name}", auth=guard)(answer)
        api.get(f"/async-{name}", auth=guard)(answer_async)
    api.get("/open", auth=None)(answer)
    api.get("/of-the-api")(answer)
    api.get("/user")(read_user)
    api.get("/async-user")(read_user_async)
    api.api_operation(["GET", "OPTIONS"], "/options")(answer)
    router = Router(auth=WatchwordBearer(scopes=["router"]))
    router.get("/here")(answer)
    api.add_router("/router", router)
    return api


@pytest.fixture
def api(database, serve) -> NinjaAPI:
    made = make_api()
    serve(path("api/", made.urls), WATCHWORD=ENTRIES)
    return made


@pytest.fixture
def alice(database) -> User:
    return User.objects.create_user("alice")


@pytest.fixture(params=["wsgi", "asgi"])
def ask(api, request):
    """Asks for a path over WSGI or ASGI."""

    def ask(where: str, token: str | None = None, **headers: str) -> Any:
        headers = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        if request.param == "asgi":
            return async_to_sync(AsyncClient().get)(f"/api{where}", headers=headers)
        return Client().get(f"/api{where}", headers=headers)

    return ask


@pytest.fixture
def issue(alice):
    return lambda *scopes: auth.core.start(str(alice.pk), scopes).access_token


both = pytest.mark.parametrize("kind", ["/", "/async-"], ids=["sync", "async"])


@both
@pytest.mark.parametrize("name", GUARDS)
def test_a_token_opens_an_operation_which_sees_the_identity(ask, issue, alice, kind, name):
    answer = ask(kind + name, issue("a", "b"))
    assert (answer.status_code, answer.json()) == (200, {"subject": str(alice.pk), "is_one": True})


def test_a_guard_of_the_api_and_of_a_router_counts(ask, issue):
    assert ask("/of-the-api", issue()).status_code == 200
    assert ask("/of-the-api").status_code == 401
    assert ask("/router/here", issue()).status_code == 403
    assert ask("/router/here", issue("router")).status_code == 200


@both
@pytest.mark.parametrize(
    "name", ["identity", "scopes", "any", "fresh", "basic-too", "basic-first", "session-too"]
)
def test_a_request_without_a_token_is_asked_for_one(ask, kind, name):
    answer = ask(kind + name)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@both
def test_missing_scopes_are_told_in_the_challenge(ask, issue, kind):
    for name in ("scopes", "any"):
        answer = ask(kind + name, issue("c"))
        assert (answer.status_code, answer.json().keys()) == (403, {"detail"})
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="a b"'


@both
@pytest.mark.parametrize("name", GUARDS)
@pytest.mark.parametrize("token", ["garbage", "a.b.c", "x" * 20_000])
def test_a_bad_token_is_refused_and_reaches_no_other_auth(ask, kind, name, token):
    answer = ask(kind + name, token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert answer.json()["detail"] in answer.headers["WWW-Authenticate"]


@both
def test_a_malformed_header_is_a_bad_request(ask, kind):
    assert ask(f"{kind}identity", Authorization="Bearer").status_code == 400
    assert ask(f"{kind}open-too", Authorization="Bearer a, Bearer b").status_code == 400


@both
def test_an_optional_identity_may_be_missing(ask, kind):
    answer = ask(f"{kind}optional")
    assert (answer.status_code, answer.json()) == (200, {"auth": "ANONYMOUS", "identity": None})
    assert not ANONYMOUS.is_authenticated


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_optional_identity_never_acts_for_the_session_of_a_cookie(serve, alice, is_async):
    def answer(request):
        return request.user.get_username()

    async def answer_async(request):
        return (await request.auser()).get_username()

    api = make_api()
    api.post("/act", auth=WatchwordBearer(optional=True))(answer_async if is_async else answer)
    client = serve(path("api/", api.urls), WATCHWORD=ENTRIES)
    client.force_login(alice)  # A page of another site sends this cookie, and no CSRF token.
    assert client.post("/api/act").json() == ""
    headers = {"Authorization": f"Bearer {auth.core.start(str(alice.pk)).access_token}"}
    assert client.post("/api/act", headers=headers).json() == "alice"


@both
def test_another_auth_of_the_list_is_asked_without_a_bearer_token(ask, kind):
    for name in ("basic-too", "basic-first"):
        assert ask(kind + name, Authorization="Basic Ym9iOnJpZ2h0").json()["auth"] == "bob"
    assert ask(f"{kind}open-too").json()["auth"] == "anyone"


@both
def test_an_ended_session_and_an_old_login_are_refused(ask, issue, alice, kind):
    token = issue()
    auth.core.stores.sessions.time_shift += 400
    auth.core._revocations.poll()
    answer = ask(f"{kind}fresh", token)
    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication"' in answer.headers["WWW-Authenticate"]
    assert ask(f"{kind}identity", token).status_code == 200
    auth.core.end_all(str(alice.pk))
    assert ask(f"{kind}identity", token).status_code == 401


@both
def test_while_the_store_is_away_the_answer_is_503(ask, issue, monkeypatch, kind):
    def fail(*_):
        raise StoreUnavailable(retry_after=2)

    token = issue()
    monkeypatch.setattr(auth.core, "_verifier", type("Away", (), {"verify": fail}))
    answer = ask(f"{kind}open-too", token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json() == {"detail": "the store does not answer"}


def test_an_async_operation_waits_for_the_store_in_a_thread(api, issue, monkeypatch):
    token, threads = issue(), []
    revocations = auth.core._revocations
    monkeypatch.setattr(revocations, "is_free_of_io", lambda: False)

    def authenticate(given):
        threads.append(threading.current_thread())
        raise RevocationsUnavailable

    async def ask():
        threads.append(threading.current_thread())
        return await AsyncClient().get("/api/async-identity", headers={"Authorization": f"Bearer {token}"})

    monkeypatch.setattr(auth.core, "authenticate", authenticate)
    assert async_to_sync(ask)().status_code == 503
    loop, *others = threads
    assert others
    assert loop not in others


def test_a_mistake_of_the_project_is_a_mistake(api, issue, monkeypatch):
    def fail(*_):
        raise InvalidSettings

    token = issue()
    monkeypatch.setattr(auth.core, "_verifier", type("Wrong", (), {"verify": fail}))
    with pytest.raises(InvalidSettings):
        Client().get("/api/identity", headers={"Authorization": f"Bearer {token}"})


@both
def test_the_user_is_djangos(ask, issue, kind):
    assert ask(f"{kind}user", issue()).json() == {"user": "alice"}


def test_an_operation_for_options_is_guarded_and_without_one_there_is_nothing_to_guard(api, issue):
    assert Client().options("/api/options").status_code == 401
    headers = {"Authorization": f"Bearer {issue()}"}
    assert Client().options("/api/options", headers=headers).status_code == 200
    assert Client().options("/api/identity").status_code == 405


def test_the_openapi_document_has_a_lock(api):
    document = api.get_openapi_schema()
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["components"]["securitySchemes"]["WatchwordBearer"] == scheme
    assert document["paths"]["/api/scopes"]["get"]["security"] == [{"WatchwordBearer": []}]
    assert "security" not in document["paths"]["/api/open"]["get"]


@pytest.mark.parametrize(
    "wrong", [{"scopes": 5}, {"any_scopes": []}, {"fresh": "soon"}, {"optional": "no"}], ids=str
)
def test_arguments_are_checked_when_the_operation_is_written(wrong):
    with pytest.raises(InvalidSettings):
        WatchwordBearer(**wrong)


def test_another_extension_accepts_its_own_tokens(serve, alice):
    staff = Watchword(settings=Settings(database_url="sqlite://", prefix="/staff/auth", audience="staff"))
    api = make_api()
    api.get("/staff", auth=WatchwordBearer(extension=staff))(describe)
    serve(path("api/", api.urls), WATCHWORD=ENTRIES)
    answers = []
    for each in (auth, staff):
        headers = {"Authorization": f"Bearer {each.core.start(str(alice.pk)).access_token}"}
        answers.append(
            [Client().get(f"/api/{name}", headers=headers).status_code for name in ("identity", "staff")]
        )
    assert answers == [[200, 401], [401, 200]]
    staff.close()


# -- ninja's own test clients ---------------------------------------------------------------------------


def test_the_test_client_of_ninja_passes_with_a_token(api, issue, alice):
    headers = {"Authorization": f"Bearer {issue()}"}
    client = TestClient(make_api())
    assert client.get("/identity", headers=headers).json()["subject"] == str(alice.pk)
    assert client.get("/identity").status_code == 401
    assert client.get("/identity", headers={"Authorization": "Bearer x"}).status_code == 401

    async def ask():
        client = TestAsyncClient(make_api())
        return await client.get("/async-identity", headers=headers), await client.get("/async-identity")

    accepted, refused = async_to_sync(ask)()
    assert accepted.json()["subject"] == str(alice.pk)
    assert refused.status_code == 401


def test_a_handler_of_the_project_answers_refusals_in_its_own_format(serve, database):
    api = make_api()

    @api.exception_handler(AuthenticationError)
    def write_code(request, error):
        return api.create_response(request, {"code": error.__cause__.code}, status=401)

    serve(path("api/", api.urls), WATCHWORD=ENTRIES)
    answer = Client().get("/api/identity", headers={"Authorization": "Bearer x.y.z"})
    assert answer.json() == {"code": "malformed_token"}
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("protect", [auth.protect, auth.protect(scopes="a")])
def test_a_guard_above_the_route_of_an_operation_is_refused(protect):
    api = NinjaAPI(urls_namespace=f"test {next(COUNTER)}")

    @api.get("/above")
    def above(request):
        return {}

    @functools.wraps(above)
    def wrapped(request):
        return above(request)

    for view in (above, wrapped):
        with pytest.raises(InvalidSettings, match="'above' is open to every client"):
            protect(view)


def test_a_guard_below_the_route_of_an_operation_holds(serve):
    api = NinjaAPI(urls_namespace=f"test {next(COUNTER)}")

    @api.get("/below")
    @auth.protect
    def below(request):
        return {}

    assert serve(path("", api.urls)).get("/below").status_code == 401
