"""The identity of each request, and errors that views raise."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import JsonResponse
from django.test import RequestFactory
from django.urls import path
from django.utils.decorators import async_only_middleware

from watchword.errors import InvalidSettings, StoreUnavailable, UsernameTaken
from watchword.web import current_identity
from watchword.web.django import IdentityMiddleware, auth, protect


def describe(request):
    found = current_identity()
    return JsonResponse(
        {
            "subject": request.identity and request.identity.subject,
            "current": found and found.subject,
            "user": str(request.user),
        }
    )


async def describe_async(request):
    return describe(request)


PATTERNS = [path("open", describe), path("open-async", describe_async), path("guarded", protect(describe))]


@pytest.mark.parametrize("handler", ["wsgi", "asgi"])
@pytest.mark.parametrize("view", ["/open", "/open-async"])
@pytest.mark.parametrize(
    ("authorization", "subject"),
    [(None, None), ("good", "7"), ("Bearer x.y.z", None), ("Basic eDp5", None), ("Bearer a, Bearer b", None)],
)
def test_an_open_view_knows_the_identity_and_no_token_refuses_it(
    serve, async_client, bear, handler, view, authorization, subject
):
    headers = bear() if authorization == "good" else authorization and {"Authorization": authorization}
    client = serve(*PATTERNS)
    ask = client.get if handler == "wsgi" else lambda *a, **k: asyncio.run(async_client.get(*a, **k))
    answer = ask(view, headers=headers)
    assert answer.json() == {"subject": subject, "current": subject, "user": "AnonymousUser"}
    assert current_identity() is None


def test_an_open_view_works_while_the_store_is_away(serve, bear, monkeypatch):
    headers, client = bear(), serve(*PATTERNS)

    def fail(*_):
        raise StoreUnavailable("the database is away")

    monkeypatch.setattr(auth.installation.guard, "_authenticate", fail)
    assert client.get("/open", headers=headers).json()["subject"] is None
    answer = client.get("/guarded", headers=headers)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


def test_an_error_that_a_view_raises_is_answered(serve):
    def fail(request):
        raise UsernameTaken

    def fail_by_mistake(request):
        raise InvalidSettings("there is no such setting")

    client = serve(path("fail", fail), path("mistake", fail_by_mistake))
    answer = client.get("/fail")
    assert (answer.status_code, answer.json()["error"]) == (409, "username_taken")
    with pytest.raises(InvalidSettings):
        client.get("/mistake")


def rewrite_errors(get_response):
    def answer(request):
        response = get_response(request)
        error = getattr(response, "watchword_error", None)
        return JsonResponse({"code": error.code}, status=response.status_code) if error else response

    return answer


def test_a_project_may_write_errors_in_its_own_format(serve):
    client = serve(*PATTERNS, MIDDLEWARE=[f"{__name__}.rewrite_errors", *settings.MIDDLEWARE])
    assert client.get("/guarded").json() == {"code": "missing_token"}


def test_a_login_of_the_project_knows_its_client_without_being_told(serve):
    seen = []

    def start(request):
        auth.core.start("7")
        seen.append(auth.core.sessions("7")[0].ip_address)
        seen.append(auth.client(request).ip_address)
        return JsonResponse({})

    serve(path("start", start)).get("/start", REMOTE_ADDR="192.0.2.9")
    assert seen == ["192.0.2.9", "192.0.2.9"]
    assert auth.core.find_client() is None


def test_it_runs_in_the_mode_of_what_stands_behind_it():
    async def answer_async(request):
        return request.identity

    assert iscoroutinefunction(IdentityMiddleware(answer_async))
    assert asyncio.run(IdentityMiddleware(answer_async)(RequestFactory().get("/"))) is None
    assert not iscoroutinefunction(IdentityMiddleware(lambda request: request.identity))


def pass_on_sync(get_response):
    def answer(request):
        return get_response(request)

    return answer


@async_only_middleware
def pass_on_async(get_response):
    async def answer(request):
        return await get_response(request)

    return answer


@pytest.mark.parametrize(
    "order",
    [
        ["sync", None],
        [None, "sync"],
        ["sync", None, "sync"],
        ["async", None, "sync"],
        ["sync", None, "async"],
        [None, "sync", "async"],
    ],
)
def test_requests_keep_their_identities_apart_across_synchronous_and_async_middleware(
    serve, async_client, bear, order
):
    ours = "watchword.web.django.IdentityMiddleware"
    middleware = [ours if kind is None else f"{__name__}.pass_on_{kind}" for kind in order]
    users = "django.contrib.auth.middleware.AuthenticationMiddleware"
    sessions = "django.contrib.sessions.middleware.SessionMiddleware"
    client = serve(*PATTERNS, MIDDLEWARE=[sessions, users, *middleware])
    bearers = {None: None, "7": bear(), "8": bear(subject="8")}
    calls = [(view, subject) for view in ("/open", "/open-async") for subject in bearers] * 3

    async def ask_all_at_once():
        asked = (async_client.get(view, headers=bearers[subject]) for view, subject in calls)
        return await asyncio.gather(*asked)

    answers = [*asyncio.run(ask_all_at_once())]
    answers += [client.get(view, headers=bearers[subject]) for view, subject in calls]
    for (_, subject), answer in zip(calls * 2, answers, strict=True):
        assert (answer.json()["subject"], answer.json()["current"]) == (subject, subject)
    assert current_identity() is None


def test_a_token_is_verified_on_the_event_loop_without_a_thread(bear, monkeypatch):
    @protect
    async def view(request):
        return JsonResponse({"subject": request.identity.subject})

    def refuse(_):
        raise AssertionError("a thread was started")

    request = RequestFactory().get("/", headers=bear())
    monkeypatch.setattr("threading.Thread.start", refuse)
    assert asyncio.run(IdentityMiddleware(view)(request)).status_code == 200


@pytest.mark.parametrize(("issuer", "warnings"), [({}, 1), ({"ISSUER": "http://localhost:8000"}, 0)])
def test_a_project_without_an_issuer_is_told_so_in_the_log(serve, caplog, issuer, warnings):
    serve(WATCHWORD={"USERS": "accounts", **issuer})
    IdentityMiddleware(lambda request: request.identity)
    assert caplog.text.count("WATCHWORD_ISSUER is not set") == warnings
