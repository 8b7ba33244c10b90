"""Our endpoints in FastAPI: they answer, they are documented, and no request to them is redirected."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI, Security
from fastapi.testclient import TestClient

from watchword import Key, Settings, Verifier
from watchword.errors import InvalidSettings
from watchword.web.fastapi import Watchword

KEY = Key.generate("HS256")
ALICE = {"username": "alice", "password": "correct horse battery"}


@pytest.fixture(params=["app", "init_app", "router", "prefix"])
def served(request, app, desk):
    """A client of the endpoints, however the application includes them, and the prefix before their paths."""
    if request.param == "app":
        Watchword(app, desk)
    else:
        auth = Watchword(auth=desk)
        if request.param == "init_app":
            auth.init_app(app)
        elif request.param == "router":
            app.include_router(auth.router)
        else:
            outer = APIRouter()
            outer.include_router(auth.router)
            app.include_router(outer, prefix="/api")
    return TestClient(app, follow_redirects=False), "/api" if request.param == "prefix" else ""


def test_a_session_from_its_login_to_its_logout(served):
    client, prefix = served
    tokens = client.post(f"{prefix}/auth/login", json=ALICE).json()
    tokens = client.post(f"{prefix}/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get(f"{prefix}/auth/me", headers=bearer).json()["username"] == "alice"
    (session,) = client.get(f"{prefix}/auth/sessions", headers=bearer).json()["sessions"]
    assert client.delete(f"{prefix}/auth/sessions/{session['id']}", headers=bearer).status_code == 204
    assert client.get(f"{prefix}/auth/me", headers=bearer).status_code == 401
    assert client.get(f"{prefix}/.well-known/jwks.json").json()["keys"]


@pytest.mark.parametrize("path", ["/auth/login/", "/auth//login", "/auth/login//"])
def test_a_login_at_another_path_is_not_redirected(served, path):
    client, prefix = served
    assert client.post(prefix + path, json=ALICE).status_code == 404


def test_methods(served):
    client, prefix = served
    for method, path, allowed in ("GET", "/auth/login", "POST"), ("POST", "/auth/me", "GET, HEAD"):
        answer = client.request(method, prefix + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    got, head = (client.request(method, f"{prefix}/.well-known/jwks.json") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


def test_an_error_of_an_endpoint_has_our_json(served):
    client, prefix = served
    answer = client.post(f"{prefix}/auth/login", json={**ALICE, "password": "a guess"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_credentials")
    answer = client.post(f"{prefix}/auth/login", content=b"x" * 100_000)
    assert (answer.status_code, answer.json()["error"]) == (413, "body_too_large")


def test_the_openapi_document_describes_the_endpoints(served):
    client, prefix = served
    document = client.get("/openapi.json").json()
    paths = document["paths"]
    login = paths[f"{prefix}/auth/login"]["post"]
    assert login["tags"] == ["auth"]
    body = login["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["username", "password"]
    assert "security" not in login
    tokens = login["responses"]["200"]["content"]["application/json"]["schema"]
    answer = client.post(f"{prefix}/auth/login", json=ALICE).json()
    assert set(tokens["required"]) == tokens["properties"].keys() == answer.keys()
    assert {"400", "401", "413", "415", "429", "503"} <= login["responses"].keys()
    end = paths[f"{prefix}/auth/sessions/{{session_id}}"]["delete"]
    assert end["security"] == [{"Watchword": []}]
    assert [parameter["name"] for parameter in end["parameters"]] == ["session_id"]
    assert document["components"]["securitySchemes"]["Watchword"]["scheme"] == "bearer"
    assert all(set(operations) <= {"get", "post", "delete"} for operations in paths.values())
    assert all(operation["summary"] for operations in paths.values() for operation in operations.values())


def test_operations_show_a_lock_and_their_scopes(app, auth):
    app.get("/reports", dependencies=[Security(auth.identity, scopes=["reports:read"])])(lambda: None)
    app.get("/fresh", dependencies=[Security(auth.fresh(300))])(lambda: None)
    app.get("/user", dependencies=[Security(auth.user, scopes=["a"])])(lambda: None)
    paths = app.openapi()["paths"]
    assert paths["/reports"]["get"]["security"] == [{"Watchword": ["reports:read"]}]
    assert paths["/fresh"]["get"]["security"] == [{"Watchword": []}]
    assert paths["/user"]["get"]["security"] == [{"Watchword": ["a"]}]


def test_the_lock_names_the_login_that_there_is(desk):
    descriptions = []
    for arguments in ({"auth": desk}, {"auth": desk, "endpoints": {"login": False}}, {"auth": Verifier(KEY)}):
        app = FastAPI()
        app.get("/", dependencies=[Security(Watchword(app, **arguments).identity)])(lambda: None)
        descriptions.append(app.openapi()["components"]["securitySchemes"]["Watchword"]["description"])
    assert descriptions == [
        "The access token of `POST /auth/login`.",
        "An access token.",
        "An access token.",
    ]


def test_an_endpoint_that_is_switched_off_is_a_404_and_not_documented(app, desk):
    Watchword(app, desk, endpoints={"login": False})
    client = TestClient(app)
    assert client.post("/auth/login", json=ALICE).status_code == 404
    assert "/auth/login" not in app.openapi()["paths"]
    assert "/auth/refresh" in app.openapi()["paths"]


def test_a_verifier_has_no_endpoints(app):
    Watchword(app, Verifier(KEY))
    assert app.openapi()["paths"] == {}


def test_two_extensions_have_endpoints_of_their_own(app, desk):
    customers = Watchword(app, desk)
    staff = Watchword(
        app, settings=Settings(database_url="sqlite://", prefix="/staff/auth", issuer="https://i.example")
    )
    app.get("/staff", dependencies=[Security(staff.identity)])(lambda: "in")
    client = TestClient(app)
    own = {"Authorization": "Bearer " + staff.core.start("7").access_token}
    foreign = {"Authorization": "Bearer " + customers.core.start("7").access_token}
    assert client.get("/staff", headers=own).json() == "in"
    assert client.get("/staff", headers=foreign).status_code == 401
    assert client.get("/staff/auth/me", headers=own).json()["subject"] == "7"
    assert client.get("/auth/me", headers=foreign).json()["subject"] == "7"
    assert client.get("/.well-known/jwks.json").json() == customers.core.jwks()
    schemes = app.openapi()["components"]["securitySchemes"]
    assert set(schemes) == {"Watchword", "WatchwordStaffAuth"}
    staff.close()


def test_two_extensions_need_different_prefixes_and_tokens(app, desk, tmp_path):
    Watchword(app, desk)
    with pytest.raises(InvalidSettings, match="prefix must differ"):
        Watchword(app, settings=Settings(database_url="sqlite://"))
    other = FastAPI()
    url = f"sqlite:///{tmp_path / 'app.db'}"
    Watchword(other, settings=Settings(database_url=url))
    with pytest.raises(InvalidSettings, match="audience or database_url must differ"):
        Watchword(other, settings=Settings(database_url=url, prefix="/staff/auth"))


@pytest.mark.parametrize("place", ["mounted", "root path"])
def test_endpoints_are_below_the_mount_path(app, desk, place):
    auth = Watchword(app, desk)
    app.get("/inside", dependencies=[Security(auth.identity)])(lambda: "in")
    outer = FastAPI()
    outer.mount("/app", app)
    client = (
        TestClient(outer, follow_redirects=False)
        if place == "mounted"
        else TestClient(app, root_path="/app", follow_redirects=False)
    )
    prefix = "/app" if place == "mounted" else ""
    tokens = client.post(f"{prefix}/auth/login", json=ALICE).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get(f"{prefix}/inside", headers=bearer).json() == "in"
    assert client.get(f"{prefix}/inside").json()["error"] == "missing_token"
    (session,) = client.get(f"{prefix}/auth/sessions", headers=bearer).json()["sessions"]
    assert client.post(f"{prefix}/auth/login/", json=ALICE).status_code == 404
    assert client.delete(f"{prefix}/auth/sessions/{session['id']}", headers=bearer).status_code == 204
