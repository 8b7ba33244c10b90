"""nginx, Caddy and HAProxy guard an application of another project, as docs/elsewhere.md shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateways import GATEWAYS, write_haproxy_keys
from watchword_servers import Answer, ServerProcess, free_port, until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from watchword import Key

HERE = Path(__file__).parent
# They ask our endpoint about each request. HAProxy verifies tokens itself.
ASKING = ["nginx", "caddy"]

FORGED = {
    "X-Auth-Subject": "admin",
    "x-auth-scopes": "admin",
    "X-AUTH-SESSION": "s",
    "X_Auth_Subject": "admin",
    "x_auth_username": "admin",
    # WSGI gives these the same name as the headers with two hyphens.
    "X-Auth_Subject": "admin",
    "x_auth-scopes": "admin",
}


@pytest.fixture(scope="session")
def application(tmp_path_factory, start_program_of_session) -> ServerProcess:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "echo_app:app",
        "--port",
        port,
        "--app-dir",
        HERE,
        "--no-access-log",
    ]
    return start_program_of_session(command, tmp_path_factory.mktemp("application"), port, probe="/open")


@pytest.fixture(scope="session")
def start_gateway(
    login: Any,
    application: ServerProcess,
    find_part: Callable[[str], Path],
    start_program_of_session: Callable[..., ServerProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., ServerProcess]:
    """Starts a gateway in front of the application, or gives the gateway that runs."""
    running: dict[tuple[str, Any], ServerProcess] = {}

    def start(name: str, behind: Any = login) -> ServerProcess:
        if (name, behind) not in running:
            port, folder = free_port(), tmp_path_factory.mktemp(name)
            addresses = {
                "127.0.0.1:8000": f"127.0.0.1:{behind.server.port}",
                "127.0.0.1:9000": f"127.0.0.1:{application.port}",
                "8080": str(port),
            }
            if name == "haproxy":
                addresses["http://localhost:8000"] = behind.issuer
                done = write_haproxy_keys(folder, behind.environment)
                assert done.returncode == 0, done.stderr
            command = GATEWAYS[name](find_part(name), folder, addresses)
            running[name, behind] = start_program_of_session(
                command, folder, port, probe="/.well-known/jwks.json"
            )
        return running[name, behind]

    return start


@pytest.fixture(params=GATEWAYS)
def gateway(request, start_gateway) -> ServerProcess:
    return start_gateway(request.param)


@pytest.fixture(params=ASKING)
def asking_gateway(request, start_gateway) -> ServerProcess:
    return start_gateway(request.param)


def list_identity(answer: Answer) -> dict[str, list[str]]:
    """What the application has got of headers that say who asks, or pretend to."""
    assert answer.status == 200, answer.body
    found: dict[str, list[str]] = {}
    for name, value in answer.json["headers"]:
        if name.replace("_", "-").startswith("x-auth-") and value:
            found.setdefault(name, []).append(value)
    return found


def test_the_application_learns_the_user_and_no_header_of_the_client(login, asking_gateway) -> None:
    token = login.start()["access_token"]
    identity = login.auth.authenticate(token)
    for headers in ({}, FORGED):
        answer = asking_gateway.request("GET", "/notes", token=token, headers=headers)
        assert list_identity(answer) == {
            "x-auth-subject": [identity.subject],
            "x-auth-username": ["alice"],
            "x-auth-scopes": ["reports:read"],
            "x-auth-session": [identity.session_id],
        }


def test_haproxy_tells_the_subject(login, start_gateway) -> None:
    token = login.start()["access_token"]
    answer = start_gateway("haproxy").request("GET", "/notes", token=token, headers=FORGED)
    assert list_identity(answer) == {"x-auth-subject": [login.auth.authenticate(token).subject]}


def test_methods_and_bodies_reach_the_application(login, gateway) -> None:
    token = login.start()["access_token"]
    posted = gateway.request("POST", "/notes", {"buy": "tea"}, token=token).json
    assert (posted["method"], posted["path"], json.loads(posted["body"])) == (
        "POST",
        "/notes",
        {"buy": "tea"},
    )
    head = gateway.request("HEAD", "/notes", token=token)
    assert (head.status, head.body) == (200, b"")


BAD_TOKENS = {
    "for another audience": lambda login: login.issue_for("https://other.example"),
    "of another issuer": lambda login: login.sign("https://other.example"),
    "expired": lambda login: login.sign(age=100_000),
    "of another type": lambda login: login.sign(typ="JWT"),
    "signed by an unknown key": lambda login: login.sign(key=Key.generate("ES256")),
    "with the public key as a secret": lambda login: login.sign(
        key=Key.from_secret("/etc/haproxy/" * 3, "HS256")
    ),
    "a refresh token": lambda login: login.start()["refresh_token"],
    "garbage": lambda login: "a.b.c",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_refused_with_the_challenge(login, gateway, kind) -> None:
    refused = gateway.request("GET", "/notes", token=BAD_TOKENS[kind](login))
    assert refused.status == 401
    (challenge,) = refused.headers.get_all("WWW-Authenticate")
    assert challenge.startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize(
    "headers", [{}, FORGED, {"Authorization": "Basic YTpi"}], ids=["no", "forged", "basic"]
)
def test_a_request_without_a_token_is_asked_for_it(gateway, headers) -> None:
    for method in ("GET", "HEAD", "POST"):
        refused = gateway.request(method, "/notes", headers=headers)
        assert refused.status == 401
        assert refused.headers.get_all("WWW-Authenticate") == ["Bearer"]


def test_a_scope_opens_a_path(login, asking_gateway) -> None:
    assert asking_gateway.request("GET", "/reports/1", token=login.start()["access_token"]).status == 200
    poor = login.auth.start("user-2").access_token
    assert asking_gateway.request("GET", "/notes", token=poor).status == 200
    for path in ("/reports/1", "//reports/1", "/notes/../reports/1", "/%72eports/1"):
        refused = asking_gateway.request("GET", path, token=poor)
        assert refused.status == 403
        (challenge,) = refused.headers.get_all("WWW-Authenticate")
        assert challenge.startswith('Bearer error="insufficient_scope"')
        assert refused.json["error"] == "insufficient_scope"


def test_access_ends_soon_after_a_logout(login, asking_gateway) -> None:
    token = login.start()["access_token"]
    assert asking_gateway.request("GET", "/notes", token=token).status == 200
    assert login.server.request("POST", "/auth/logout", token=token).status == 204
    until(
        lambda: asking_gateway.request("GET", "/notes", token=token).status == 401,
        "it is refused",
        within=1.5,
    )


def test_haproxy_learns_nothing_of_a_logout(login, start_gateway) -> None:
    token = login.start()["access_token"]
    assert login.server.request("POST", "/auth/logout", token=token).status == 204
    assert start_gateway("haproxy").request("GET", "/notes", token=token).status == 200, "until it expires"


def test_the_endpoints_are_open_and_pass_the_identity_of_nobody(login, gateway) -> None:
    credentials = {"username": "alice", "password": "correct horse battery"}
    tokens = gateway.request("POST", "/auth/login", credentials, headers=FORGED)
    assert tokens.status == 200
    me = gateway.request("GET", "/auth/me", token=tokens.json["access_token"])
    assert me.json["username"] == "alice"
    assert gateway.request("GET", "/.well-known/openid-configuration").json["issuer"] == login.issuer


@pytest.mark.parametrize("status", [401, 403, 500])
def test_the_refusals_of_the_application_stay_as_they_are(login, gateway, status) -> None:
    answer = gateway.request("GET", f"/status/{status}", token=login.start()["access_token"])
    assert (answer.status, answer.json) == (status, {"error": "of the application"})


def test_a_websocket_passes_with_a_login_and_is_refused_without(login, gateway) -> None:
    url = f"ws://127.0.0.1:{gateway.port}/socket"
    with pytest.raises(InvalidStatus) as refused, connect(url):
        pass
    assert refused.value.response.status_code == 401
    token = login.start()["access_token"]
    with connect(url, additional_headers={"Authorization": f"Bearer {token}", **FORGED}) as socket:
        headers = json.loads(socket.recv())
        assert [value for name, value in headers if name == "x-auth-subject"] == [
            login.auth.authenticate(token).subject
        ]
        assert not [name for name, _ in headers if "_" in name]
        socket.send("hello")
        assert socket.recv() == "hello"


def test_a_watchword_that_is_away_is_503_and_no_way_in(start_login, start_gateway) -> None:
    behind = start_login()
    token = behind.start()["access_token"]
    gateways = [start_gateway(name, behind) for name in ASKING]
    assert [gateway.request("GET", "/notes", token=token).status for gateway in gateways] == [200, 200]
    behind.server.stop()
    assert [gateway.request("GET", "/notes", token=token).status for gateway in gateways] == [503, 502]


def test_haproxy_gets_the_keys_of_today_and_keeps_them_while_the_database_is_away(
    login, find_part, tmp_path
) -> None:
    find_part("haproxy")

    def list_files() -> list[str]:
        return [path.read_text() for path in sorted((tmp_path / "keys").glob("key-*.pem"))]

    assert write_haproxy_keys(tmp_path, login.environment).returncode == 0
    written = list_files()
    assert len(written) == 3
    for jwk in login.auth.jwks()["keys"]:
        assert any(Key.from_jwk(jwk).to_pem() in text for text in written)
    away = {**login.environment, "WATCHWORD_DATABASE_URL": "sqlite:////nowhere/watchword.db"}
    assert write_haproxy_keys(tmp_path, away).returncode == 1
    assert list_files() == written
