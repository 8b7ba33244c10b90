"""The authentication class and the permissions, in real requests to views of Django REST framework."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rest_framework import permissions
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from watchword import Identity, Issuer, Key, Settings, Verifier
from watchword.errors import InvalidSettings, KeysUnavailable, StoreUnavailable
from watchword.web import current_identity
from watchword.web.django import Watchword, auth
from watchword.web.django.rest_framework import (
    HasAnyScope,
    HasFreshLogin,
    HasIdentity,
    HasScopes,
    WatchwordAuthentication,
)

ENTRIES = {"ISSUER": "https://login.example", "AUDIENCE": "api", "DATABASE_URL": "sqlite://"}
LEGACY = Key.from_secret("s" * 32, alg="HS256")


class Base(APIView):
    authentication_classes = (WatchwordAuthentication,)
    permission_classes = ()

    def get(self, request):
        found = {request.auth, getattr(request, "identity", None), current_identity()}
        return Response({"subject": request.auth and request.auth.subject, "is_one": len(found) == 1})

    post = get


def make_view(*required: Any, **attributes: Any) -> Any:
    return type("View", (Base,), {"permission_classes": list(required), **attributes}).as_view()


class UserView(Base):
    def get(self, request):
        return Response({"user": str(request.user), "inner": str(request._request.user)})


class FiveAMinute(UserRateThrottle):
    rate = "5/min"


@api_view(["GET"])
@authentication_classes([WatchwordAuthentication])
@permission_classes([HasScopes("a")])
def decorated(request):
    return Response({"subject": request.auth.subject})


class Reports(ViewSet):
    authentication_classes = (WatchwordAuthentication,)

    def get_permissions(self):
        return [HasScopes("write")() if self.action == "create" else HasIdentity()]

    def list(self, request):
        return Response([])

    def create(self, request):
        return Response({}, status=201)


class ReadReports(HasScopes("a")):
    message = "you may not read reports"


router = SimpleRouter()
router.register("reports", Reports, "reports")
PATTERNS = [
    path("open", make_view()),
    path("identity", make_view(HasIdentity)),
    path("authenticated", make_view(permissions.IsAuthenticated)),
    path("readable", make_view(permissions.IsAuthenticatedOrReadOnly)),
    path("scopes", make_view(HasScopes("a", "b"))),
    path("any", make_view(HasAnyScope("a", "b"))),
    path("fresh", make_view(HasFreshLogin(300))),
    path("both", make_view(HasScopes("a") & HasScopes("b"))),
    path("either", make_view(HasScopes("a") | permissions.IsAdminUser)),
    path("not", make_view(HasIdentity & ~HasScopes("a"))),
    path("decorated", decorated),
    path("own-message", make_view(ReadReports)),
    path("forgotten", make_view(HasScopes)),
    path("user", UserView.as_view()),
    path("throttled", make_view(throttle_classes=[FiveAMinute])),
    path(
        "basic-second",
        make_view(HasIdentity, authentication_classes=[WatchwordAuthentication, BasicAuthentication]),
    ),
    path(
        "session-too",
        make_view(HasScopes("a"), authentication_classes=[WatchwordAuthentication, SessionAuthentication]),
    ),
    path("pages/user", make_view(permissions.IsAuthenticated, renderer_classes=[BrowsableAPIRenderer])),
    path("pages/identity", make_view(HasIdentity, renderer_classes=[BrowsableAPIRenderer])),
    path("", include(router.urls)),
]


@pytest.fixture
def api(database, serve) -> APIClient:
    serve(*PATTERNS, WATCHWORD=ENTRIES)
    return APIClient()


@pytest.fixture
def alice(database) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bear(api, alice):
    """Gives the client a token of alice with these scopes."""

    def bear(*scopes: str) -> APIClient:
        token = auth.core.start(str(alice.pk), scopes).access_token
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return api

    return bear


@pytest.mark.parametrize("where", ["/open", "/identity", "/authenticated", "/readable", "/fresh"])
def test_a_token_opens_a_view_which_sees_the_identity(bear, alice, where):
    answer = bear().get(where)
    assert (answer.status_code, answer.json()) == (200, {"subject": str(alice.pk), "is_one": True})


@pytest.mark.parametrize(
    ("where", "scopes", "status"),
    [
        ("/scopes", "a b", 200),
        ("/scopes", "a", 403),
        ("/any", "b", 200),
        ("/any", "c", 403),
        ("/both", "a b", 200),
        ("/both", "a", 403),
        ("/either", "a", 200),
        ("/either", "b", 403),
        ("/not", "a", 403),
        ("/not", "b", 200),
        ("/decorated", "a", 200),
        ("/decorated", "", 403),
        ("/reports/", "", 200),
        ("/session-too", "", 403),
    ],
)
def test_scopes_are_permissions_that_compose(bear, where, scopes, status):
    answer = bear(*scopes.split()).get(where)
    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer) == (status == 403 and where != "/not")


def test_an_administrator_passes_where_a_scope_is_an_alternative(bear, alice):
    User.objects.update(is_staff=True)
    answer = bear().get("/either")
    assert answer.status_code == 200
    assert "WWW-Authenticate" not in answer


def test_each_action_of_a_view_set_has_its_own_scopes(bear):
    assert bear().post("/reports/").status_code == 403
    assert bear("write").post("/reports/").status_code == 201


def test_missing_scopes_are_told_in_the_challenge_and_in_the_body(bear):
    answer = bear("a").get("/scopes")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="a b"'
    assert answer.json() == {"detail": "the token does not grant the scopes that the request needs"}


def test_a_message_of_the_project_stands_in_the_body(bear):
    assert bear().get("/own-message").json() == {"detail": "you may not read reports"}


def test_a_permission_without_its_scopes_is_a_mistake(bear):
    with pytest.raises(InvalidSettings, match=r'HasScopes needs arguments .* HasScopes\("reports:read"\)'):
        bear().get("/forgotten")


@pytest.mark.parametrize(
    "wrong", [lambda: HasScopes("two words"), lambda: HasAnyScope(5), lambda: HasFreshLogin("x")]
)
def test_arguments_are_checked_when_the_class_is_written(wrong):
    with pytest.raises(InvalidSettings):
        wrong()


@pytest.mark.parametrize(
    "where", ["/identity", "/authenticated", "/scopes", "/any", "/fresh", "/both", "/either", "/reports/"]
)
def test_a_request_without_a_token_is_asked_for_one(api, where):
    answer = api.get(where)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json() == {"detail": "Authentication credentials were not provided."}


def test_open_views_need_no_token(api):
    assert api.get("/open").json() == {"subject": None, "is_one": True}
    assert api.get("/readable").status_code == 200
    assert api.post("/readable").status_code == 401


BAD = {
    "garbage": ("Bearer garbage", 401, "invalid_token"),
    "not ASCII": ("Bearer ä", 401, "invalid_token"),
    "long": ("Bearer " + "a" * 20_000, 401, "invalid_token"),
    "no token": ("Bearer", 400, "invalid_request"),
    "two": ("Bearer a, Bearer b", 400, "invalid_request"),
}


@pytest.mark.parametrize(("header", "status", "code"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("where", ["/open", "/identity", "/readable", "/scopes"])
def test_a_bad_token_is_refused_on_every_view(api, where, header, status, code):
    api.credentials(HTTP_AUTHORIZATION=header)
    answer = api.get(where)
    assert answer.status_code == status
    assert answer.json().keys() == {"detail"}
    assert answer.headers["WWW-Authenticate"].startswith(f'Bearer error="{code}"')


def test_another_scheme_is_left_to_another_class(api):
    User.objects.create_user("bob", password="x")
    api.credentials(HTTP_AUTHORIZATION="Basic Ym9iOng=")
    assert api.get("/identity").status_code == 401
    assert api.get("/basic-second").status_code == 403, "bob is logged in, and has no token"


def test_a_user_of_djangos_session_has_no_scopes(api, alice):
    api.force_login(alice)
    assert api.get("/session-too").status_code == 403


def test_an_ended_session_is_refused_with_the_reason(bear, alice):
    client = bear()
    auth.core.end_all(str(alice.pk))
    answer = client.get("/open")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.json()["detail"] in answer.headers["WWW-Authenticate"]


def test_a_login_of_long_ago_is_refused_with_the_age_in_the_challenge(bear, alice):
    client = bear()
    auth.core.stores.sessions.time_shift += 400
    auth.core._revocations.poll()
    answer = client.get("/fresh")
    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication"' in answer.headers["WWW-Authenticate"]
    assert 'max_age="300"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("failure", "seconds"), [(StoreUnavailable(), "1"), (KeysUnavailable(retry_after=7.2), "8")]
)
def test_while_the_store_is_away_the_answer_is_503(bear, monkeypatch, failure, seconds):
    def fail(_token):
        raise failure

    client = bear()
    monkeypatch.setattr(auth.installation.guard, "_authenticate", fail)
    answer = client.get("/open")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, seconds)
    assert answer.json() == {"detail": str(failure)}


def test_a_mistake_of_the_project_is_a_mistake(bear, monkeypatch):
    def fail(_token):
        raise InvalidSettings

    client = bear()
    monkeypatch.setattr(auth.installation.guard, "_authenticate", fail)
    with pytest.raises(InvalidSettings):
        client.get("/identity")


@pytest.mark.parametrize("where", ["/identity", "/scopes", "/any", "/fresh"])
def test_options_needs_no_token_and_a_token_is_read(bear, api, alice, where):
    assert api.options(where).status_code == 200
    assert bear().options(where).status_code == 200
    assert bear().options("/authenticated").status_code == 200


# -- the user ------------------------------------------------------------------------------------------


def test_the_user_is_djangos_and_is_loaded_when_asked_for(bear):
    client = bear("a", "b")
    with CaptureQueriesContext(connection) as captured:
        for where in ("/open", "/identity", "/scopes"):
            assert client.get(where).status_code == 200
    assert len(captured) == 0
    assert client.get("/user").json() == {"user": "alice", "inner": "alice"}


@pytest.mark.parametrize("where", ["/authenticated", "/user"])
def test_a_user_that_is_inactive_has_no_valid_token(bear, where):
    client = bear()
    User.objects.update(is_active=False)
    answer = client.get(where)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("where", "status"), [("/pages/user", 401), ("/pages/identity", 200)])
def test_the_pages_of_the_browsable_api_work_for_a_user_that_is_inactive(serve, alice, where, status):
    templates = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    serve(*PATTERNS, WATCHWORD=ENTRIES, TEMPLATES=[templates], STATIC_URL="static/")
    client, token = APIClient(), auth.core.start(str(alice.pk)).access_token
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert b"alice" in client.get(where, HTTP_ACCEPT="text/html").content
    User.objects.update(is_active=False)
    answer = client.get(where, HTTP_ACCEPT="text/html")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"alice" not in answer.content


def test_the_projects_function_loads_the_user(serve, alice):
    serve(*PATTERNS, WATCHWORD=ENTRIES | {"LOAD_USER": lambda identity: f"user {identity.username}"})
    token = auth.core.start(str(alice.pk)).access_token
    answer = APIClient().get("/user", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.json() == {"user": "user alice", "inner": "user alice"}


@pytest.mark.parametrize("kind", ["django", "load_user", "verifier"])
def test_a_throttle_counts_each_user_by_itself(serve, alice, kind):
    cache.clear()
    verifier = Verifier(LEGACY, issuer="https://legacy.example", audience=None)
    bob = User.objects.create_user("bob")
    entries = {
        "django": ENTRIES,
        "load_user": ENTRIES | {"LOAD_USER": lambda identity: User.objects.get(pk=identity.subject)},
        "verifier": {"AUTH": verifier},
    }[kind]
    serve(*PATTERNS, WATCHWORD=entries)

    def count(user):
        if kind == "verifier":
            token = Issuer("https://legacy.example", LEGACY).issue(f"user {user.pk}")
        else:
            token = auth.core.start(str(user.pk)).access_token
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return [client.get("/throttled").status_code for _ in range(6)]

    assert count(alice) == [200] * 5 + [429]
    assert count(bob) == [200] * 5 + [429]


def test_a_subject_without_a_user_of_django_is_a_user_without_rights(serve, database):
    verifier = Verifier(LEGACY, issuer="https://legacy.example", audience=None)
    serve(*PATTERNS, WATCHWORD={"AUTH": verifier})
    client = APIClient()
    seen = []
    view = make_view(
        permissions.IsAuthenticated, get=lambda self, request: seen.append(request.user) or Response()
    )
    for subject in ("7", "7", "8"):
        token = Issuer("https://legacy.example", LEGACY).issue(
            subject, {"preferred_username": f"name {subject}"}
        )
        request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}")
        assert view(request).status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/either").status_code == 403
    first, same, other = seen
    assert first == same != other
    assert len({first, same, other}) == 2
    assert (first.is_authenticated, first.is_staff, first.is_superuser) == (True, False, False)
    assert [first.has_perm("a"), first.has_perms(["a"]), first.has_module_perms("a")] == [False] * 3
    assert (first.get_username(), str(first), first.identity.subject) == ("name 7", "name 7", "7")


# -- extensions and tests ------------------------------------------------------------------------------


def test_a_subclass_accepts_the_tokens_of_another_extension(serve, alice):
    staff = Watchword(settings=Settings(database_url="sqlite://", prefix="/staff/auth", audience="staff"))

    class StaffAuthentication(WatchwordAuthentication):
        extension = staff

    view = make_view(HasFreshLogin(300), authentication_classes=[StaffAuthentication])
    serve(path("staff", view), *PATTERNS, WATCHWORD=ENTRIES)
    client, tokens = APIClient(), [each.core.start(str(alice.pk)).access_token for each in (auth, staff)]
    answers = []
    for token in tokens:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        answers.append([client.get(where).status_code for where in ("/identity", "/staff")])
    assert answers == [[200, 401], [401, 200]]
    staff.close()


@pytest.fixture
def identity():
    now = time.time()
    return Identity("7", "tester", ("a",), "session", now, b"{}")


def test_a_test_of_a_project_needs_no_token(api, identity):
    api.force_authenticate(user=User(username="tester"), token=identity)
    assert api.get("/any").status_code == 200
    assert api.get("/fresh").status_code == 200
    assert api.get("/scopes").status_code == 403
    request = APIRequestFactory().get("/")
    force_authenticate(request, user=None, token=identity)
    assert decorated(request).data["subject"] == "7"


def test_a_view_works_without_our_middleware(serve, alice):
    serve(*PATTERNS, WATCHWORD=ENTRIES, MIDDLEWARE=[])
    client = APIClient()
    token = auth.core.start(str(alice.pk)).access_token
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/authenticated").status_code == 200
    assert client.get("/scopes").status_code == 403
    client.credentials(HTTP_AUTHORIZATION="Bearer x")
    assert "invalid_token" in client.get("/open").headers["WWW-Authenticate"]
    assert current_identity() is None
