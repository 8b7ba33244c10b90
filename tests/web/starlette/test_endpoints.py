"""Our endpoints as routes of Starlette: they never redirect, bound bodies, and block no event loop."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from watchword import Settings, Verifier
from watchword.errors import InvalidSettings
from watchword.jose import Key
from watchword.web.starlette import Watchword

ALICE = {"username": "alice", "password": "correct horse battery"}


def log_in(client, prefix=""):
    return client.post(f"{prefix}/auth/login", json=ALICE)


def test_a_login_opens_a_protected_route_and_a_logout_closes_it(client):
    tokens = log_in(client).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/protected", headers=bearer).json()["name"] == "alice"
    assert client.get("/auth/me", headers=bearer).json()["username"] == "alice"
    refreshed = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    assert client.post("/auth/logout", headers=bearer).status_code == 204
    for token in (tokens["access_token"], refreshed["access_token"]):
        assert client.get("/protected", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("path", ["/auth/login/", "/auth//login", "//auth/login", "/auth/login//"])
@pytest.mark.parametrize("mount", ["", "/app"])
def test_a_login_at_another_path_is_not_redirected(extension, path, mount):
    routes = [Mount(mount, routes=extension.routes)] if mount else extension.routes
    client = TestClient(Starlette(routes=routes), follow_redirects=False)
    assert client.post(mount + path, json=ALICE).status_code == 404
    assert log_in(client, mount).status_code == 200


def test_the_application_s_own_routes_are_redirected_as_before(extension, serve, describing):
    client = serve(*extension.routes, Route("/own/", extension.protect(optional=True)(describing)))
    assert client.get("/own", follow_redirects=False).headers["location"].endswith("/own/")


def test_endpoints_work_below_a_root_path(extension):
    client = TestClient(Starlette(routes=extension.routes), root_path="/api")
    assert client.post("/auth/login", json=ALICE).status_code == 200
    bearer = {"Authorization": "Bearer " + client.post("/auth/login", json=ALICE).json()["access_token"]}
    sessions = client.get("/auth/sessions", headers=bearer).json()["sessions"]
    assert len(sessions) == 2
    (other,) = (session["id"] for session in sessions if not session["current"])
    assert client.delete(f"/auth/sessions/{other}", headers=bearer).status_code == 204
    assert len(client.get("/auth/sessions", headers=bearer).json()["sessions"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth/login", "POST"),
        ("POST", "/auth/me", "GET, HEAD"),
        ("PUT", "/.well-known/jwks.json", "GET, HEAD"),
    ],
)
def test_another_method_is_a_405_that_names_the_methods(client, method, path, allowed):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_head_has_the_headers_of_get_and_no_body(client):
    got, head = client.get("/.well-known/jwks.json"), client.head("/.well-known/jwks.json")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers
    assert int(head.headers["content-length"]) == len(got.content)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_long_is_refused(client, extension, declared):
    body = b" " * (extension.core.settings.max_body + 1)
    content = body if declared else iter([body[:50], body[50:]])
    answer = client.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (413, "body_too_large")


def test_a_client_that_goes_away_within_its_body_leaves_no_traceback(extension, caplog):
    app = Starlette(routes=extension.routes)
    events = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def drive():
        async def receive():
            return events.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/auth/login", "headers": [], "query_string": b""}
        await app(scope, receive, send)

    asyncio.run(drive())
    assert caplog.records == []
    assert sent[0]["status"] == 400


def test_a_handler_that_blocks_runs_in_a_thread(desk, monkeypatch):
    threads = []
    original = type(desk).login

    def login(self, *args):
        threads.append(threading.current_thread())
        return original(self, *args)

    monkeypatch.setattr(type(desk), "login", login)
    client = TestClient(Starlette(routes=Watchword(desk).routes))
    loops = []
    with client:
        client.portal.call(lambda: loops.append(threading.current_thread()))
        assert log_in(client).status_code == 200
    assert threads[0] not in {*loops, threading.main_thread()}


def test_a_login_records_the_client_behind_a_trusted_proxy(desk):
    extension = Watchword(
        settings=Settings(database_url="sqlite://", issuer="https://i.example", trusted_proxies=("10.0.0.1",))
    )
    extension.core.accounts.add("alice", ALICE["password"])
    client = TestClient(Starlette(routes=extension.routes), client=("10.0.0.1", 1))
    tokens = client.post("/auth/login", json=ALICE, headers={"X-Forwarded-For": "203.0.113.5"}).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/auth/sessions", headers=bearer).json()["sessions"][0]["ip_address"] == "203.0.113.5"
    extension.close()


def test_an_endpoint_that_is_switched_off_is_a_404(desk):
    client = TestClient(Starlette(routes=Watchword(desk, endpoints={"login": False}).routes))
    assert log_in(client).status_code == 404
    assert client.get("/.well-known/jwks.json").status_code == 200


def test_a_verifier_has_no_endpoints():
    assert Watchword(Verifier(Key.generate("HS256"))).routes == []


def test_the_endpoints_have_names(extension):
    app = Starlette(routes=extension.routes)
    assert app.url_path_for("watchword:login") == "/auth/login"
    staff = Watchword(settings=Settings(database_url="sqlite://", prefix="/staff/auth"))
    assert Starlette(routes=staff.routes).url_path_for("watchword_staff_auth:me") == "/staff/auth/me"


def make_staff(**settings):
    given = {"database_url": "sqlite://", "issuer": "https://i.example", "prefix": "/staff/auth", **settings}
    return Watchword(settings=Settings(**given))


def test_two_extensions_have_endpoints_of_their_own_and_the_first_publishes_its_keys(desk):
    customers, staff = Watchword(desk), make_staff()
    client = TestClient(Starlette(routes=[*customers.routes, *staff.routes]))
    for extension, prefix, other in (customers, "/auth", "/staff/auth"), (staff, "/staff/auth", "/auth"):
        bearer = {"Authorization": f"Bearer {extension.core.start('7').access_token}"}
        assert client.get(f"{prefix}/me", headers=bearer).json()["subject"] == "7"
        assert client.get(f"{other}/me", headers=bearer).status_code == 401
    assert client.get("/.well-known/jwks.json").json() == customers.core.jwks()
    staff.close()


def test_the_second_extension_does_not_publish_its_keys_in_the_place_of_the_first(desk):
    customers, staff = Watchword(desk, endpoints={"jwks": False}), make_staff()
    client = TestClient(Starlette(routes=[Mount("/app", routes=[*customers.routes, *staff.routes])]))
    assert client.get("/app/.well-known/jwks.json").status_code == 404
    alone = TestClient(Starlette(routes=make_staff().routes))
    assert alone.get("/.well-known/jwks.json").status_code == 200


@pytest.mark.parametrize("start", ["lifespan", "request"])
@pytest.mark.parametrize("mount", [True, False])
def test_two_extensions_need_different_prefixes(desk, start, mount):
    customers, staff = Watchword(desk), make_staff(prefix="/auth")
    routes = [*customers.routes, *staff.routes]
    app = Starlette(
        routes=[Mount("/app", routes=routes)] if mount else routes,
        middleware=[customers.middleware] if start == "lifespan" else [],
    )
    client, path = TestClient(app), "/app/auth/me" if mount else "/auth/me"
    begin = client.__enter__ if start == "lifespan" else functools.partial(client.get, path)
    with pytest.raises(InvalidSettings, match="prefix must differ"):
        begin()


def test_two_extensions_need_different_tokens(tmp_path):
    url = f"sqlite:///{tmp_path / 'app.db'}"
    routes = [*make_staff(database_url=url).routes, *make_staff(database_url=url, prefix="/auth").routes]
    with pytest.raises(InvalidSettings, match="audience or database_url must differ"):
        TestClient(Starlette(routes=routes)).get("/auth/me")
