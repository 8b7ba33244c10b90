"""The guard of endpoints: functions, classes and applications, with and without the middleware."""

from __future__ import annotations

import asyncio
import functools
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.endpoints import HTTPEndpoint
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route

from watchword import Issuer, Key, MultiIssuer, Verifier
from watchword.errors import InvalidSettings
from watchword.web import current_identity
from watchword.web.starlette import Watchword

OLD = Key.generate("HS256")


def show_name(request):
    return PlainTextResponse(f"{request.user.display_name} {current_identity().subject}")


async def show_name_async(request):
    return show_name(request)


class Shown(HTTPEndpoint):
    async def get(self, request):
        return show_name(request)

    def post(self, request):
        return show_name(request)


async def application(scope, receive, send):
    await PlainTextResponse(f"{scope['user'].display_name} {current_identity().subject}")(
        scope, receive, send
    )


class Application:
    async def __call__(self, scope, receive, send):
        await application(scope, receive, send)


def with_greeting(greeting, request):
    return show_name(request)


ENDPOINTS = {
    "function": show_name,
    "coroutine function": show_name_async,
    "class": Shown,
    "application": Application(),
    "partial": functools.partial(with_greeting, "hello"),
}


@pytest.mark.parametrize("parentheses", [True, False])
@pytest.mark.parametrize("middleware", [True, False])
@pytest.mark.parametrize("kind", ENDPOINTS)
def test_an_endpoint_is_called_only_with_a_good_token(
    extension, serve, bearer_of, kind, middleware, parentheses
):
    guard = extension.protect() if parentheses else extension.protect
    client = serve(
        Route("/", guard(ENDPOINTS[kind]), methods=["GET"]),
        middleware=[extension.middleware] if middleware else [],
    )
    answer = client.get("/", headers=bearer_of())
    assert (answer.status_code, answer.text) == (200, "alice 7")
    for headers in ({}, {"Authorization": "Bearer a.b.c"}):
        answer = client.get("/", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] in {"missing_token", "invalid_token"}
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["cache-control"] == "no-store"
    assert current_identity() is None


def test_a_method_of_a_class_may_be_guarded_alone(extension, serve, bearer_of):
    class Mixed(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("open")

        @extension.protect(scopes="write")
        async def post(self, request):
            return show_name(request)

    client = serve(Route("/", Mixed))
    assert client.get("/").text == "open"
    assert client.post("/").status_code == 401
    assert client.post("/", headers=bearer_of("write")).text == "alice 7"


def test_an_application_below_a_mount_is_guarded_and_keeps_its_names(extension, serve, bearer_of):
    inner = Starlette(routes=[Route("/page", show_name, name="page")])
    client = serve(Mount("/inner", app=extension.protect(inner), name="inner"))
    assert client.get("/inner/page").status_code == 401
    assert client.get("/inner/page", headers=bearer_of()).text == "alice 7"
    assert client.app.url_path_for("inner:page") == "/inner/page"


@pytest.mark.parametrize(
    ("requirements", "scopes", "status", "challenge"),
    [
        ({"scopes": ["a", "b"]}, ["a", "b"], 200, None),
        ({"scopes": "a b"}, ["a"], 403, 'scope="a b"'),
        ({"any_scopes": ["a", "b"]}, ["b"], 200, None),
        ({"any_scopes": ["a", "b"]}, ["c"], 403, 'scope="a b"'),
        ({"fresh": 300}, [], 200, None),
    ],
)
def test_a_token_needs_what_the_endpoint_requires(
    extension, serve, bearer_of, describing, requirements, scopes, status, challenge
):
    client = serve(Route("/", extension.protect(**requirements)(describing)))
    answer = client.get("/", headers=bearer_of(*scopes))
    assert answer.status_code == status
    if challenge:
        assert challenge in answer.headers["www-authenticate"]
        assert answer.json()["error"] == "insufficient_scope"


def test_an_old_login_is_not_fresh(extension, serve, bearer_of, describing, desk):
    client, headers = serve(Route("/", extension.protect(fresh=60)(describing))), bearer_of()
    desk.wait(61)
    answer = client.get("/", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
    assert 'max_age="60"' in answer.headers["www-authenticate"]


def test_an_optional_identity_may_be_missing_and_not_bad(extension, serve, bearer_of, describing):
    client = serve(Route("/", extension.protect(optional=True)(describing)))
    anonymous = {"authenticated": False, "name": "", "identity": "", "scopes": [], "current": None}
    assert client.get("/").json() == anonymous
    assert client.get("/", headers=bearer_of("a")).json() == {
        "authenticated": True,
        "name": "alice",
        "identity": "7",
        "scopes": ["a", "authenticated"],
        "current": "7",
    }
    assert client.get("/", headers={"Authorization": "Bearer a.b.c"}).status_code == 401


def test_an_options_request_passes_and_does_not_reach_the_endpoint(extension, serve, bearer_of):
    called = []

    async def endpoint(request):
        called.append(request.method)
        return PlainTextResponse("")

    guarded = extension.protect(endpoint)
    client = serve(
        Route("/", guarded, methods=["GET", "OPTIONS"]), Mount("/inner", extension.protect(application))
    )
    answer = client.options("/")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert client.options("/", headers=bearer_of()).status_code == 204
    assert called == []


def test_requires_of_starlette_sees_the_scopes_of_the_guard(extension, serve, bearer_of):
    @extension.protect
    @requires("reports:read")
    async def endpoint(request):
        return show_name(request)

    client = serve(Route("/", endpoint))
    assert client.get("/", headers=bearer_of()).status_code == 403
    assert client.get("/", headers=bearer_of("reports:read")).text == "alice 7"


@pytest.mark.parametrize("other", [Verifier(OLD), MultiIssuer([Verifier(OLD, issuer="https://old.example")])])
def test_tokens_of_another_kind_open_an_endpoint(desk, serve, bearer_of, other):
    old = {"Authorization": "Bearer " + Issuer("https://old.example", OLD).issue("42", {"scope": "a"})}
    both, only = Watchword(desk, also=[other]), Watchword(other)
    client = serve(
        Route("/both", both.protect(scopes="a")(show_name)), Route("/only", only.protect(show_name))
    )
    assert client.get("/both", headers=old).text == client.get("/only", headers=old).text == "42 42"
    assert client.get("/both", headers=bearer_of("a")).text == "alice 7"
    assert client.get("/only", headers=bearer_of("a")).status_code == 401


def test_two_extensions_do_not_answer_for_each_other(desk, serve, bearer_of, describing):
    customers, staff = Watchword(desk), Watchword(Verifier(OLD))
    client = serve(
        Route("/staff", staff.protect(describing)),
        Route("/welcome", staff.protect(optional=True)(describing)),
        middleware=[customers.middleware],
    )
    assert client.get("/staff", headers=bearer_of()).status_code == 401
    assert client.get("/welcome", headers=bearer_of()).status_code == 401
    assert client.get("/welcome").json()["authenticated"] is False


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("read", "Scopes are given by name"),
        (["read"], "Scopes are given by name"),
        (Route("/", show_name), "not the route"),
        (dict, "the class dict"),
        (5, "not int"),
    ],
)
def test_what_is_not_an_endpoint_is_refused(extension, given, message):
    with pytest.raises(InvalidSettings, match=message):
        extension.protect(given)


def test_a_function_that_gets_no_request_is_refused_when_it_is_called(extension):
    async def drive():
        await extension.protect(lambda: None)()

    with pytest.raises(InvalidSettings, match=r"Security\(auth.identity\)"):
        asyncio.run(drive())


@pytest.mark.parametrize("arguments", [{"scopes": 5}, {"fresh": "x"}, {"optional": "no"}, {"any_scopes": []}])
def test_requirements_of_the_wrong_form_are_refused_at_once(extension, arguments):
    with pytest.raises(InvalidSettings, match=next(iter(arguments))):
        extension.protect(**arguments)


def test_the_user_is_loaded_once_in_a_request_and_may_be_missing(desk, serve, bearer_of):
    loaded = []

    def load_user(identity):
        loaded.append(identity.subject)
        return {"7": "the user of 7"}.get(identity.subject)

    extension = Watchword(desk, load_user=load_user)

    @extension.protect(optional=True)
    async def show_user(request):
        return JSONResponse([await extension.user(request), await extension.user(request)])

    client = serve(Route("/", show_user))
    assert client.get("/", headers=bearer_of()).json() == ["the user of 7"] * 2
    assert loaded == ["7"]
    for headers, error in ({}, "missing_token"), (bearer_of(subject="8"), "invalid_token"):
        answer = client.get("/", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, error)


def test_the_user_may_be_loaded_by_a_coroutine_function(desk, serve, bearer_of):
    async def load_user(identity):
        return identity.username

    extension = Watchword(desk, load_user=load_user)

    async def show_user(request):
        return PlainTextResponse(await extension.user(request))

    client = serve(Route("/", show_user), middleware=[extension.middleware])
    assert client.get("/", headers=bearer_of()).text == "alice"


def test_a_user_of_an_endpoint_without_a_guard_is_a_mistake_of_the_application(desk, serve, bearer_of):
    extension = Watchword(desk, load_user=lambda identity: identity.username)

    async def read(request):
        return JSONResponse(await extension.user(request))

    with pytest.raises(InvalidSettings, match=r"@auth\.protect, or middleware=\[auth\.middleware\]"):
        serve(Route("/", read)).get("/", headers=bearer_of())
    client = serve(Route("/", read), middleware=[extension.middleware])
    assert client.get("/", headers=bearer_of()).json() == "alice"
    assert client.get("/").status_code == 401


def test_without_load_user_there_are_no_users(extension, serve, bearer_of):
    async def show_user(request):
        await extension.user(request)

    client = serve(Route("/", extension.protect(show_user)))
    with pytest.raises(InvalidSettings, match="load_user="):
        client.get("/", headers=bearer_of())


def test_a_login_of_the_application_uses_the_client_of_the_request(extension, serve, desk):
    def log_in(request):
        return JSONResponse(extension.core.login("alice", "correct horse battery").body())

    client = serve(Route("/login", log_in, methods=["POST"]), middleware=[extension.middleware])
    assert client.post("/login").status_code == 200
    (session,) = desk.sessions(desk.accounts.find("alice").subject)
    assert session.ip_address == "203.0.113.9"
    assert time.time() - session.created_at < 60


@pytest.mark.parametrize("middleware", [True, False])
def test_a_request_leaves_nothing_to_the_next_in_the_same_task(extension, bearer_of, describing, middleware):
    async def show_current(request):
        client = extension.core.find_client()
        return JSONResponse([current_identity() is None, None if client is None else client.ip_address])

    app = Starlette(
        routes=[Route("/guarded", extension.protect(describing)), Route("/open", show_current)],
        middleware=[extension.middleware] if middleware else [],
    )

    async def ask():
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            assert (await client.get("/guarded", headers=bearer_of())).json()["current"] == "7"
            return (await client.get("/open")).json()

    assert asyncio.run(ask()) == [True, "203.0.113.9" if middleware else None]
