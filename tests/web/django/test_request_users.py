"""``request.user`` and ``request.auser`` belong to the identity, and are loaded when a view asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from watchword import Issuer, Key, Settings, Verifier
from watchword.web.django import Watchword, auth, protect

ENTRIES = {"ISSUER": "https://login.example", "AUDIENCE": "api", "DATABASE_URL": "sqlite://"}
LEGACY = Key.from_secret("s" * 32, alg="HS256")


def name(user: Any) -> str:
    return user.get_username() if hasattr(user, "get_username") else str(user)


def ignore(request):
    return JsonResponse({"user": None})


def read(request):
    return JsonResponse({"user": name(request.user), "is_same": request.user == request.user})


async def read_async(request):
    first, second = await request.auser(), await request.auser()
    return JsonResponse({"user": name(first), "is_same": first == second})


PATTERNS = [path(view.__name__, view) for view in (ignore, read, read_async)]
PATTERNS += [path(f"guarded/{view.__name__}", protect(view)) for view in (ignore, read, read_async)]
PATHS = [f"{prefix}{view.__name__}" for prefix in ("/", "/guarded/") for view in (read, read_async)]


@pytest.fixture
def alice(database):
    return User.objects.create_user("alice")


@pytest.fixture
def ask(serve):
    """Asks for a path over WSGI or ASGI, with a token for a subject."""
    serve(*PATTERNS, WATCHWORD=ENTRIES)

    def ask(path: str, user: User | None = None, *, client: Client | None = None, over: str = "wsgi") -> Any:
        headers = {"Authorization": f"Bearer {auth.core.start(str(user.pk)).access_token}"} if user else {}
        if over == "asgi":
            return async_to_sync((client or AsyncClient()).get)(path, headers=headers)
        return (client or Client()).get(path, headers=headers)

    return ask


@pytest.mark.parametrize("over", ["wsgi", "asgi"])
@pytest.mark.parametrize("path", PATHS)
def test_the_user_is_the_subject_of_the_token(ask, alice, path, over):
    assert ask(path, alice, over=over).json() == {"user": "alice", "is_same": True}


@pytest.mark.parametrize("path", ["/ignore", "/guarded/ignore"])
def test_no_query_is_made_before_a_view_asks(ask, alice, path):
    headers = {"Authorization": f"Bearer {auth.core.start(str(alice.pk)).access_token}"}
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert Client().get(path, headers=headers).status_code == 200
        assert len(captured) == 0
        Client().get("/guarded/read", headers=headers)
    assert len(captured) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "change", [lambda users: users.update(is_active=False), lambda users: users._raw_delete("default")]
)
def test_a_user_that_is_inactive_or_missing_is_anonymous(ask, alice, path, change):
    client, headers = Client(), {"Authorization": f"Bearer {auth.core.start(str(alice.pk)).access_token}"}
    change(User.objects.filter(pk=alice.pk))
    assert client.get(path, headers=headers).json()["user"] == ""


@pytest.mark.parametrize("path", ["/read", "/read_async"])
def test_the_user_of_djangos_session_stays_without_an_identity_and_only_then(ask, alice, path):
    client, bob = Client(), User.objects.create_user("bob")
    assert ask(path, client=client).json()["user"] == ""
    client.force_login(bob)
    assert ask(path, client=client).json()["user"] == "bob"
    assert ask(path, alice, client=client).json()["user"] == "alice"


def load(identity):
    return None if identity.username == "ghost" else f"{identity.username} of LOAD_USER"


async def load_async(identity):
    return load(identity)


@pytest.mark.parametrize("load_user", [load, load_async])
@pytest.mark.parametrize("path", PATHS)
def test_the_projects_function_loads_the_user(serve, alice, path, load_user):
    serve(*PATTERNS, WATCHWORD=ENTRIES | {"LOAD_USER": load_user})
    headers = {"Authorization": f"Bearer {auth.core.start(str(alice.pk)).access_token}"}
    assert Client().get(path, headers=headers).json()["user"] == "alice of LOAD_USER"


class AskingMiddleware:
    """Asks for the user before the view, as LoginRequiredMiddleware does."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, *_):
        bool(request.user)


ASKING = [f"{__name__}.AskingMiddleware"]


@pytest.mark.parametrize("load_user", [load, load_async])
@pytest.mark.parametrize("further", [[], ASKING], ids=["view", "middleware"])
@pytest.mark.parametrize("path", PATHS)
def test_a_subject_that_the_projects_function_does_not_know_is_refused_by_guarded_views_only(
    serve, database, path, further, load_user
):
    entries = ENTRIES | {"LOAD_USER": load_user}
    client = serve(*PATTERNS, WATCHWORD=entries, MIDDLEWARE=[*settings.MIDDLEWARE, *further])
    ghost = User.objects.create_user("ghost")
    headers = {"Authorization": f"Bearer {auth.core.start(str(ghost.pk)).access_token}"}
    answer = client.get(path, headers=headers)
    if path.startswith("/guarded"):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    else:
        assert (answer.status_code, answer.json()["user"]) == (200, "")


@pytest.mark.parametrize("issuer", ["https://legacy.example", "https://login.example"])
def test_the_same_subject_of_another_issuer_is_not_the_user(serve, alice, issuer):
    legacy = Verifier(LEGACY, issuer=issuer, audience=None)
    client = serve(*PATTERNS, WATCHWORD=ENTRIES | {"ALSO": [legacy]})
    token = Issuer(issuer, LEGACY).issue(str(alice.pk))
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/guarded/read", headers=headers).json()["user"] == ""


def test_a_verifier_without_a_function_has_anonymous_users_and_no_user_of_the_session(serve, alice):
    verifier = Verifier(LEGACY, issuer="https://legacy.example", audience=None)
    client = serve(*PATTERNS, WATCHWORD={"AUTH": verifier})
    client.force_login(alice)
    headers = {"Authorization": f"Bearer {Issuer('https://legacy.example', LEGACY).issue(str(alice.pk))}"}
    assert client.get("/guarded/read", headers=headers).json()["user"] == ""
    assert client.get("/read").json()["user"] == "alice"


def test_a_guard_without_an_identity_leaves_no_user_of_another_guard(serve, alice):
    staff = Watchword(
        settings=Settings(
            database_url="sqlite://", prefix="/staff/auth", audience="staff", token_header="X-Staff-Token"
        )
    )
    guard = staff.protect(optional=True)
    client = serve(path("sync", guard(read)), path("async", guard(read_async)), WATCHWORD=ENTRIES)
    headers = {"Authorization": f"Bearer {auth.core.start(str(alice.pk)).access_token}"}
    for each in ("/sync", "/async"):
        assert client.get(each, headers=headers).json()["user"] == ""
    staff.close()


def test_a_further_extension_gives_the_view_its_own_user(serve, alice):
    staff = Watchword(
        settings=Settings(database_url="sqlite://", prefix="/staff/auth", audience="staff"),
        load_user=lambda identity: f"staff {identity.username}",
    )
    client = serve(path("staff", staff.protect(read)), *PATTERNS, WATCHWORD=ENTRIES)
    headers = {"Authorization": f"Bearer {staff.core.start(str(alice.pk)).access_token}"}
    assert client.get("/staff", headers=headers).json() == {"user": "staff alice", "is_same": True}
    staff.close()


def test_the_guard_sets_the_user_although_the_middleware_stands_in_the_wrong_order(
    serve, alice, settings_order
):
    client = serve(*PATTERNS, WATCHWORD=ENTRIES, MIDDLEWARE=settings_order)
    client.force_login(User.objects.create_user("bob"))
    headers = {"Authorization": f"Bearer {auth.core.start(str(alice.pk)).access_token}"}
    assert client.get("/guarded/read", headers=headers).json()["user"] == "alice"


@pytest.fixture
def settings_order():
    return [
        "watchword.web.django.IdentityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]


def touch_user(get_response):
    """A middleware that asks for the user before the view does."""

    def answer(request):
        assert str(request.user)
        return get_response(request)

    return answer


def test_a_view_of_a_further_extension_has_no_user_that_a_middleware_loaded_before(serve, alice):
    verifier = Verifier(LEGACY, issuer="https://legacy.example", audience=None)
    staff = Watchword(verifier, load_user=lambda identity: f"staff {identity.username}")
    client = serve(
        path("staff", staff.protect(read)),
        WATCHWORD=ENTRIES | {"ALSO": [verifier], "LOAD_USER": load},
        MIDDLEWARE=["watchword.web.django.IdentityMiddleware", f"{__name__}.touch_user"],
    )
    headers = {"Authorization": f"Bearer {Issuer('https://legacy.example', LEGACY).issue('alice')}"}
    assert client.get("/staff", headers=headers).json()["user"] == "staff alice"
