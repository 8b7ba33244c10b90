"""The endpoints in the URLs of a Django project."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from types import FrameType, TracebackType

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path, resolve, reverse
from django.views.debug import SafeExceptionReporterFilter

from watchword import Settings
from watchword.errors import BodyTooLarge, InvalidRequest, InvalidSettings
from watchword.web.django import Watchword, auth
from watchword.web.django.endpoints import make_patterns
from watchword.web.django.requests import DjangoRequest, read_body

PASSWORD = "correct horse battery"


@pytest.fixture
def alice():
    auth.core.accounts.add("alice", PASSWORD)
    return {"username": "alice", "password": PASSWORD}


def post(client, target, body, **headers):
    return client.post(target, json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.parametrize("handler", ["wsgi", "asgi"])
def test_login_refresh_and_logout(serve, async_client, alice, handler):
    client = serve()

    def send(method, target, body=None, token=None):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = "" if body is None else json.dumps(body)
        if handler == "wsgi":
            return client.generic(method, target, data, "application/json", headers=headers)
        return asyncio.run(async_client.generic(method, target, data, "application/json", headers=headers))

    tokens = send("POST", "/auth/login", alice).json()
    assert send("GET", "/auth/me", token=tokens["access_token"]).json()["username"] == "alice"
    tokens = send("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}).json()
    assert send("POST", "/auth/logout", token=tokens["access_token"]).status_code == 204
    refused = send("GET", "/auth/me", token=tokens["access_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    assert refused["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/auth/login/", 404),
        ("POST", "/auth//login", 404),
        ("POST", "//auth/login", 404),
        ("GET", "/auth/nothing", 404),
        ("GET", "/auth/login", 405),
        ("OPTIONS", "/auth/login", 204),
        ("DELETE", "/auth/sessions/unknown", 401),
        ("POST", "/auth/login", 415),
    ],
)
def test_no_request_to_an_endpoint_is_redirected(serve, method, target, status):
    answer = serve(APPEND_SLASH=True).generic(method, target)
    assert answer.status_code == status
    assert "Location" not in answer


def test_an_endpoint_tells_its_methods(serve):
    client = serve()
    assert client.get("/auth/login")["Allow"] == client.options("/auth/login")["Allow"] == "POST, OPTIONS"
    head = client.head("/.well-known/jwks.json")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head["Content-Length"]) == len(client.get("/.well-known/jwks.json").content)


def test_an_endpoint_that_is_switched_off_is_not_there_and_leaves_its_path(serve, alice):
    changed = {"ISSUER": "https://login.example", "ENDPOINTS": {"login": False}}
    client = serve(WATCHWORD=changed)  # The URL patterns may be older than the change of the settings.
    assert post(client, "/auth/login", alice).status_code == 404
    patterns = make_patterns(lambda: auth.installation, ())
    assert "login" not in {pattern.name for pattern in patterns}


def test_endpoints_have_names(serve):
    serve()
    assert reverse("watchword:login") == "/auth/login"
    assert reverse("watchword:end_session", args=["abc"]) == "/auth/sessions/abc"
    assert resolve("/.well-known/jwks.json").view_name == "watchword:jwks"


def test_a_body_is_bounded_by_max_body_and_not_by_django(serve, alice):
    client = serve(DATA_UPLOAD_MAX_MEMORY_SIZE=10)
    assert post(client, "/auth/login", alice).status_code == 200
    large = post(client, "/auth/login", {**alice, "filler": "x" * 20_000})
    assert (large.status_code, large.json()["error"]) == (413, "body_too_large")


@pytest.mark.parametrize("body", [b"x", b"x" * 1025])
def test_a_chunked_body_is_read_where_the_server_marks_its_end(body):
    request = RequestFactory().post("/", content_type="application/json")
    request.META.update(
        {
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input_terminated": True,
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": "",
        }
    )
    if len(body) > 1024:
        with pytest.raises(BodyTooLarge):
            read_body(request, 1024)
    else:
        assert read_body(request, 1024) == body


def test_a_connection_that_ends_early_is_a_mistake_of_the_client():
    class Gone:
        def read(self, size):
            raise OSError("gone")

    request = RequestFactory().post("/", b"{}", content_type="application/json")
    request._stream = Gone()
    with pytest.raises(InvalidRequest, match="connection ended"):
        read_body(request, 1024)


def test_a_body_that_a_middleware_has_read_is_still_there():
    request = RequestFactory().post("/", {"a": "b"}, content_type="application/json")
    assert json.loads(request.body) == json.loads(read_body(request, 1024)) == {"a": "b"}


def test_a_project_may_be_mounted_under_a_path(serve, alice):
    client = serve(FORCE_SCRIPT_NAME="/app")
    answer = client.post("/auth/login", json.dumps(alice), content_type="application/json")
    assert answer.status_code == 200
    assert answer.wsgi_request.path == "/app/auth/login"


def make_asgi_request(**changed):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "client": ("192.0.2.1", 5),
        **changed,
    }
    return ASGIRequest(scope, io.BytesIO())


REQUESTS = {
    "wsgi": lambda: RequestFactory().get(
        "/pfad/ä%2Fö", query_params={"q": ["ü", "2"]}, headers={"X-Two": "2"}, secure=True
    ),
    "asgi": lambda: make_asgi_request(
        path="/pfad/ä/ö", query_string=b"q=%C3%BC&q=2", headers=[(b"x-two", b"2")], scheme="https"
    ),
}


@pytest.mark.parametrize("handler", REQUESTS)
def test_the_parts_of_a_request(handler):
    request = DjangoRequest(REQUESTS[handler](), {"a": "b"})
    assert (request.method, request.scheme, request.mount_path) == ("GET", "https", "")
    assert request.path == "/pfad/ä/ö"
    assert request.query == {"q": ("ü", "2")}
    assert request.find_header("x-two") == request.headers.find("X-Two") == "2"
    assert request.path_parameters == {"a": "b"}
    assert request.body == b""


def test_a_request_knows_where_the_project_is_mounted():
    request = DjangoRequest(make_asgi_request(path="/app/über", root_path="/app"))
    assert (request.mount_path, request.path) == ("/app", "/über")


def test_the_scheme_is_that_of_a_proxy_that_the_project_trusts(serve):
    serve(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
    request = RequestFactory().get("/", headers={"X-Forwarded-Proto": "https"})
    assert DjangoRequest(request).scheme == "https"


def test_a_header_with_an_underscore_does_not_pose_as_another_under_asgi():
    request = make_asgi_request(headers=[(b"x_forwarded_for", b"203.0.113.9")])
    assert DjangoRequest(request).find_header("x-forwarded-for") is None


def test_reports_of_errors_show_no_password(alice):
    def fail(username, password):
        raise RuntimeError("the directory is away")

    extension = Watchword(settings=Settings(database_url="sqlite://"), check_password=fail)
    view = next(pattern.callback for pattern in make_patterns(lambda: extension.installation, ()))
    request = RequestFactory().post("/", json.dumps(alice), content_type="application/json")
    with pytest.raises(RuntimeError) as caught:
        view(request)
    extension.close()
    report = SafeExceptionReporterFilter()
    shown = [
        report.get_traceback_frame_variables(request, frame)
        for frame in list_frames(caught.tb.tb_next)  # The first frame is this test.
    ]
    assert shown
    assert PASSWORD not in repr(shown)


def list_frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


# -- two extensions ----------------------------------------------------------------------------------


@pytest.fixture
def staff():
    settings = Settings(database_url="sqlite://", prefix="/staff/auth", audience="staff")
    made = Watchword(settings=settings, users="accounts")
    yield made
    made.close()


def test_two_extensions_keep_apart(serve, bear, staff):
    @staff.protect
    def orders(request):
        return HttpResponse(request.identity.subject)

    client = serve(path("", staff.urls), path("orders", orders))
    own = {"Authorization": f"Bearer {staff.core.start('9').access_token}"}
    assert client.get("/orders", headers=own).content == b"9"
    assert client.get("/orders", headers=bear()).status_code == 401
    assert client.get("/staff/auth/me", headers=own).status_code == 200
    assert client.get("/auth/me", headers=own).status_code == 401
    assert reverse("watchword_staff_auth:login") == "/staff/auth/login"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"audience": "staff"}, "'/auth' is taken"),
        ({"prefix": "/staff"}, "audience or database_url must differ"),
    ],
)
def test_a_second_extension_must_differ(serve, tmp_path, changed, message):
    shared = {"database_url": f"sqlite:///{tmp_path}/app.db"}
    first = Watchword(settings=Settings(**shared))
    second = Watchword(settings=Settings(**shared, **changed))
    with override_settings(ROOT_URLCONF=f"a project with {changed}"):
        patterns = first.urls[0]
        with pytest.raises(InvalidSettings, match=message):
            _ = second.urls
        assert "jwks" in {pattern.name for pattern in patterns}
        third = Watchword(settings=Settings(**shared, prefix="/third", audience="third"))
        assert "jwks" not in {pattern.name for pattern in third.urls[0]}
