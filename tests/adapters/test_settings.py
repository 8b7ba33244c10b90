"""What settings and arguments change that few applications need."""

from __future__ import annotations

import json

import pytest
from application_process import serve
from applications.contract import PASSWORD


@pytest.fixture(scope="module")
def application(adapter, folder):
    with serve(
        adapter,
        folder,
        SWITCHED_OFF="login logout_all end_session",
        WATCHWORD_TOKEN_HEADER="X-Watchword-Token",
        WATCHWORD_TRUSTED_PROXIES="127.0.0.1",
    ) as application:
        yield application


# An own login cannot be bypassed.
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout-all", "/auth/sessions/unknown"])
def test_an_endpoint_that_is_switched_off_is_unknown(application, method, path):
    assert application.request(method, path, {} if method == "POST" else None).status == 404


def test_the_other_endpoints_and_the_other_extension_are_served(application):
    assert application.request("POST", "/auth/refresh").status in {400, 415}
    assert application.login("bob", "/staff/auth")["token_type"] == "Bearer"


@pytest.mark.parametrize("scheme", ["", "Bearer "])
@pytest.mark.parametrize("path", ["/staff/protected", "/staff/auth/me", "/staff/auth/check"])
def test_a_header_of_another_name_holds_the_token(application, scheme, path):
    token = application.login("bob", "/staff/auth")["access_token"]
    gateway = {"Authorization": "Basic Z2F0ZXdheTpzZWNyZXQ="}
    given = gateway | {"X-Watchword-Token": f"{scheme}{token}"}
    assert application.request("GET", path, headers=given).status in {200, 204}
    for headers in (gateway, {"Authorization": f"Bearer {token}"}):
        application.check_refusal(application.request("GET", path, headers=headers), 401, None)
    twice = application.send(
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % path.encode(),
        b"X-Watchword-Token: %b\r\n" % token.encode() * 2,
        b"\r\n",
    )
    assert twice.status in {400, 401}
    assert application.request("POST", "/staff/auth/logout", headers=given).status == 204


def test_a_header_with_an_underscore_poses_as_another_only_behind_a_server_that_joins_them(application):
    # docs/flask.md says so of Granian's WSGI interface, where the proxy has to drop such headers.
    is_joined = "--interface wsgi" in application.adapter.command
    body = json.dumps({"username": "bob", "password": PASSWORD}).encode()
    answer = application.send(
        b"POST /staff/auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
        b"X-Forwarded-For: 192.0.2.1\r\nX_Forwarded_For: 203.0.113.9\r\n",
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
    )
    headers = {"X-Watchword-Token": answer.json["access_token"]}
    listed = application.read("/staff/auth/sessions", headers=headers)["sessions"]
    (address,) = [session["ip_address"] for session in listed if session["current"]]
    assert is_joined or address == "192.0.2.1"
    posing = {"X_Watchword_Token": answer.json["access_token"]}
    status = application.request("GET", "/staff/protected", headers=posing).status
    assert status == (200 if is_joined else 401)
