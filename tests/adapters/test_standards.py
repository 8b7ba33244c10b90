"""Every adapter serves what OAuth clients, gateways and verifiers expect by their standards."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from application_process import serve
from applications.contract import PASSWORD
from watchword_servers import until

from watchword import Settings
from watchword.web.endpoints import Endpoints

ISSUER = "https://login.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
IGNORED = {"date", "server", "connection", "keep-alive", "worker"}


def open_nothing() -> Any:
    raise AssertionError("the table of routes opens no store")


ROUTES = Endpoints(open_nothing, Settings()).routes
READABLE = [route.path for route in ROUTES if "GET" in route.methods]
METADATA = [route.path for route in ROUTES if route.endpoint == "metadata"]


def post_form(application, path, **parameters):
    return application.request("POST", path, urlencode(parameters).encode(), headers=FORM)


def read_headers(answer):
    return sorted(
        (name.lower(), value) for name, value in answer.headers.items() if name.lower() not in IGNORED
    )


@pytest.mark.parametrize("path", READABLE)
def test_head_is_answered_like_get_without_a_body(application, tokens, path):
    full = application.request("GET", path, token=tokens["bob"])
    head = application.request("HEAD", path, token=tokens["bob"])
    assert (head.status, head.body) == (full.status, b"")
    assert full.status in {200, 204}
    assert read_headers(head) == read_headers(full)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_another_method_is_told_which_methods_there_are(application, route):
    answer = application.request("PUT", route.path.replace("{session_id}", "unknown"))
    allowed = {method.strip() for method in answer.headers["Allow"].split(",")}
    assert answer.status == 405
    assert allowed - {"OPTIONS"} == set(route.methods)


@pytest.mark.parametrize(
    "path", ["/auth/./login", "/auth/../auth/login", "/x/../auth/login", "/./auth/login"]
)
def test_a_path_with_dot_segments_is_unknown(application, path):
    answer = application.request("POST", path, {"username": "bob", "password": PASSWORD})
    assert answer.status == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}])
def test_every_url_of_the_metadata_begins_with_the_issuer_whatever_the_host_header_says(application, headers):
    documents = [application.read(path, headers=headers) for path in METADATA]
    assert documents == [documents[0]] * len(METADATA)
    assert documents[0]["issuer"] == ISSUER
    urls = [value for value in documents[0].values() if isinstance(value, str)]
    assert len(urls) == 4
    assert all(url.startswith(ISSUER) for url in urls)


@pytest.mark.parametrize("path", [*METADATA, "/.well-known/jwks.json"])
def test_pages_of_every_origin_may_read_what_is_public(application, path):
    answer = application.request("GET", path, headers={"Origin": "https://other.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    again = application.request("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_an_oauth_client_refreshes_and_revokes(application):
    tokens = application.login("bob")
    answer = post_form(
        application,
        "/auth/token",
        grant_type="refresh_token",
        client_id="watchword",
        refresh_token=tokens["refresh_token"],
    )
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    token = answer.json["access_token"]
    assert application.request("GET", "/auth/me", token=token).status == 200
    revoked = post_form(application, "/auth/revoke", token=token, token_type_hint="access_token")
    assert (revoked.status, revoked.body) == (200, b"")
    with application.connect_to_each_worker() as connections:
        for connection in connections:
            until(
                lambda over=connection: (
                    application.request("GET", "/protected", token=token, over=over).status == 401
                ),
                "each worker refuses the token",
                within=1.5,
            )


@pytest.mark.parametrize(
    ("path", "parameters", "status", "code"),
    [
        ("/auth/token", {"grant_type": "password", "client_id": "watchword"}, 400, "unsupported_grant_type"),
        ("/auth/token", {"grant_type": "refresh_token", "client_id": "other"}, 401, "invalid_client"),
        ("/auth/token", {"grant_type": "refresh_token", "client_id": "watchword"}, 400, "invalid_request"),
        ("/auth/revoke", {"client_id": "watchword"}, 400, "invalid_request"),
        ("/auth/revoke", {"client_id": "other", "token": "x"}, 401, "invalid_client"),
    ],
)
def test_an_oauth_client_is_told_its_mistake(application, path, parameters, status, code):
    answer = post_form(application, path, **parameters)
    assert (answer.status, answer.json["error"]) == (status, code)
    assert "WWW-Authenticate" not in answer.headers


def test_a_gateway_is_told_whose_request_may_pass(application, tokens):
    me = application.read("/auth/me", token=tokens["alice"])
    answer = application.request("GET", "/auth/check", token=tokens["alice"])
    assert (answer.status, answer.body) == (204, b"")
    names = ["Subject", "Username", "Scopes", "Session"]
    told = [me["subject"], "alice", "a reports:read", me["session"]]
    assert [answer.headers[f"X-Auth-{name}"] for name in names] == told


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        (None, "", 401),
        (None, "?scope=never", 401),
        ("bob", "?scope=", 204),
        ("alice", "?scope=a&scope=reports:read", 204),
        ("alice", "?scope=a&scope=never", 403),
    ],
)
def test_a_gateway_is_told_whether_a_request_may_pass(application, tokens, name, query, status):
    answer = application.request("GET", f"/auth/check{query}", token=tokens.get(name))
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status != 204)


def test_a_gateway_may_declare_the_body_of_the_request_that_it_asks_about(application, tokens):
    if application.adapter.name in {"django_async", "ninja"}:
        return  # On ASGI, Django itself reads the body first.
    with application.connection() as connection:
        connection.settimeout(5)  # less than a server waits for a body
        connection.sendall(
            b"GET /auth/check HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n"
            b"Authorization: Bearer %b\r\n\r\n" % tokens["bob"].encode()
        )
        assert connection.recv(100).split()[1] == b"204"


# -- the protected resource ------------------------------------------------------------------------

RESOURCE_METADATA = "/.well-known/oauth-protected-resource/mcp"


@pytest.fixture(scope="module")
def resource(adapter, folder):
    """The application, with settings that name what it protects."""
    with serve(adapter, folder, WATCHWORD_RESOURCE="https://api.example/mcp") as application:
        yield application


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/protected", None, 401),
        ("/protected", "nonsense", 401),
        ("/optional", "nonsense", 401),
        ("/scoped", "bob", 403),
        ("/any", "bob", 403),
        ("/auth/me", None, 401),
        ("/auth/check?scope=never", "bob", 403),
        ("/staff/protected", None, 401),
    ],
)
def test_every_challenge_leads_to_the_metadata_of_the_resource(resource, tokens, path, name, status):
    answer = resource.request("GET", path, token=tokens.get(name, name))
    assert answer.status == status
    url = f"https://api.example{RESOURCE_METADATA}"
    assert answer.headers["WWW-Authenticate"].endswith(f'resource_metadata="{url}"')


def test_the_metadata_of_the_resource_lead_to_the_issuer(resource):
    metadata = resource.read(RESOURCE_METADATA)
    assert (metadata["resource"], metadata["authorization_servers"]) == ("https://api.example/mcp", [ISSUER])
