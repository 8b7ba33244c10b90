"""protect() in front of every kind of view."""

from __future__ import annotations

import asyncio

import pytest
from django.conf import settings
from django.http import JsonResponse
from django.test import RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_page, never_cache
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers
from rest_framework.views import APIView

from watchword.errors import InvalidSettings
from watchword.web import current_identity
from watchword.web.django import auth, protect


def describe(request):
    found = current_identity()
    return JsonResponse(
        {
            "subject": request.identity and request.identity.subject,
            "current": found and found.subject,
        }
    )


@protect
def bare(request):
    return describe(request)


@protect()
async def on_loop(request):
    await asyncio.sleep(0)
    return describe(request)


@require_GET
@protect
def below(request):
    return describe(request)


@protect
@never_cache
def above(request):
    return describe(request)


@protect
class Whole(View):
    def get(self, request):
        return describe(request)


@protect
class WholeOnLoop(View):
    async def get(self, request):
        return describe(request)


@method_decorator(protect, name="dispatch")
class Dispatch(View):
    def get(self, request):
        return describe(request)


@method_decorator([never_cache, protect()], name="dispatch")
class SeveralDecorators(View):
    def get(self, request):
        return describe(request)


@method_decorator(protect(), name="dispatch")
class DispatchOnLoop(View):
    async def get(self, request):
        return describe(request)


class Method(View):
    @protect
    def get(self, request):
        return describe(request)


class MethodOnLoop(View):
    @protect()
    async def get(self, request):
        return describe(request)


class Rest(APIView):
    authentication_classes = ()

    @protect
    def get(self, request):
        return describe(request)


VIEWS = {
    "bare": bare,
    "on_loop": on_loop,
    "below": below,
    "above": above,
    "whole": Whole.as_view(),
    "whole_on_loop": WholeOnLoop.as_view(),
    "dispatch": Dispatch.as_view(),
    "dispatch_on_loop": DispatchOnLoop.as_view(),
    "several_decorators": SeveralDecorators.as_view(),
    "method": Method.as_view(),
    "method_on_loop": MethodOnLoop.as_view(),
    "rest": Rest.as_view(),
    "patterns": protect(describe),
}
PATTERNS = [path(name, view) for name, view in VIEWS.items()]


@pytest.fixture
def ask(serve, async_client, request):
    """Sends a request through the synchronous handler, or through that on an event loop."""
    client = serve(*PATTERNS)
    if request.param == "wsgi":
        return lambda method, target, headers=None: client.generic(method, target, headers=headers)
    return lambda method, target, headers=None: asyncio.run(
        async_client.generic(method, target, headers=headers)
    )


both_handlers = pytest.mark.parametrize("ask", ["wsgi", "asgi"], indirect=True)


@both_handlers
@pytest.mark.parametrize("name", VIEWS)
def test_a_guarded_view_is_called_with_a_good_token_only(ask, bear, name):
    refused = ask("GET", f"/{name}")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json()["error"] == "missing_token"
    answer = ask("GET", f"/{name}", bear())
    assert answer.json() == {"subject": "7", "current": "7"}
    assert current_identity() is None


@both_handlers
@pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"below", "rest"}))
def test_an_options_request_is_answered_without_the_view(ask, name):
    answer = ask("OPTIONS", f"/{name}")
    assert answer.status_code in {200, 204}
    assert answer.content == b""


@pytest.mark.parametrize("name", ["whole", "whole_on_loop", "dispatch", "dispatch_on_loop"])
def test_a_class_tells_its_methods_without_a_token(serve, name):
    assert serve(*PATTERNS).options(f"/{name}")["Allow"] == "GET, HEAD, OPTIONS"


def test_a_view_that_demands_a_token_needs_no_csrf_token(serve, bear):
    @protect(optional=True)
    def optional(request):
        return describe(request)

    client = serve(*PATTERNS, path("optional", optional))
    assert client.post("/bare", headers=bear()).status_code == 200
    assert client.post("/bare").status_code == 401
    assert client.post("/optional", headers=bear()).status_code == 403  # It may act for a cookie.


def test_what_decorators_said_about_a_view_is_kept():
    @protect
    @never_cache
    def view(request):
        """Say what is kept."""

    view.mark = "kept"
    assert protect(view).mark == "kept"
    assert (view.__name__, view.__doc__) == ("view", "Say what is kept.")


def test_django_s_own_guard_leaves_guarded_views_to_ours(serve, bear):
    middleware = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    client = serve(*PATTERNS, path("open", describe), MIDDLEWARE=middleware)
    assert client.get("/bare").status_code == 401
    assert client.get("/whole", headers=bear()).status_code == 200
    assert client.get("/.well-known/jwks.json").status_code == 200
    assert client.get("/open").status_code == 302


@pytest.mark.parametrize(
    ("arguments", "scopes", "status"),
    [
        ({"scopes": ["read"]}, ["read", "write"], 200),
        ({"scopes": "read write"}, ["read"], 403),
        ({"any_scopes": ["a", "b"]}, ["b"], 200),
        ({"any_scopes": ["a", "b"]}, ["c"], 403),
        ({"fresh": 300}, [], 200),
    ],
)
def test_scopes_and_freshness_are_demanded(serve, bear, arguments, scopes, status):
    client = serve(path("view", protect(**arguments)(describe)))
    answer = client.get("/view", headers=bear(*scopes))
    assert answer.status_code == status
    assert ("insufficient_scope" in answer.headers.get("WWW-Authenticate", "")) == (status == 403)


def test_an_optional_identity_may_be_missing_but_not_bad(serve, bear):
    client = serve(path("view", protect(optional=True)(describe)))
    assert client.get("/view").json() == {"subject": None, "current": None}
    assert client.get("/view", headers=bear()).json()["subject"] == "7"
    assert client.get("/view", headers={"Authorization": "Bearer x.y.z"}).status_code == 401


def test_a_view_can_be_called_without_a_project_around_it(bear):
    factory = RequestFactory()
    assert bare(factory.get("/")).status_code == 401
    assert bare(factory.get("/", headers=bear())).status_code == 200
    assert asyncio.run(on_loop(factory.get("/", headers=bear()))).status_code == 200
    assert current_identity() is None


def test_a_subclass_of_a_guarded_class_is_guarded(bear):
    class Special(Whole):
        async def get(self, request):
            return describe(request)

    answer = asyncio.run(Special.as_view()(RequestFactory().get("/")))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("view", "message"),
    [("reports:read", "Scopes are given by name"), (type("Bare", (), {}), "Bare has none"), (5, "not int")],
)
def test_what_is_not_a_view_is_refused_with_the_right_way(view, message):
    with pytest.raises(InvalidSettings, match=message):
        protect(view)


def list_nothing():
    return []


def test_a_function_that_is_called_without_a_request_says_so():
    with pytest.raises(InvalidSettings, match="decorate the view"):
        protect(list_nothing)()


def test_a_mistake_of_the_application_is_not_a_refusal(serve, bear):
    headers = bear()
    client = serve(*PATTERNS, WATCHWORD={"ISSUR": "https://x.example"})
    with pytest.raises(InvalidSettings, match="Did you mean ISSUER"):
        client.get("/bare", headers=headers)


def test_a_session_that_ended_is_refused_at_once(serve, bear):
    client, headers = serve(*PATTERNS), bear()
    assert client.get("/bare", headers=headers).status_code == 200
    auth.core.end_all("7")
    assert client.get("/bare", headers=headers).status_code == 401


@pytest.mark.parametrize("view", [bare, Whole.as_view(), Dispatch.as_view(), on_loop])
def test_a_page_of_a_user_that_django_caches_is_served_to_no_other(serve, bear, view):
    client = serve(path("view", cache_page(60)(view)) if view is not on_loop else path("view", view))
    first, second = bear(), bear(subject="8")
    for _ in range(2):
        assert client.get("/view", headers=first).json()["subject"] == "7"
        assert client.get("/view", headers=second).json()["subject"] == "8"
        assert client.get("/view").status_code == 401
    assert "Authorization" in client.get("/view", headers=first)["Vary"]


def test_what_varied_before_still_varies(serve, bear):
    client = serve(path("view", protect(vary_on_headers("Accept")(describe))))
    assert client.get("/view", headers=bear())["Vary"] == "Accept, Authorization"


def test_a_guarded_function_may_return_what_another_framework_makes_a_response_of(bear):
    assert protect(lambda request: {"a": 1})(RequestFactory().get("/", headers=bear())) == {"a": 1}
