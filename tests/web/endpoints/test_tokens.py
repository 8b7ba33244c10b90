"""Login, refresh and logout, asked for without a framework. ``tests/web/flask`` has the rest, over HTTP."""

from __future__ import annotations

import msgspec
import pytest

from watchword.errors import InvalidRequest, MissingToken, SessionEnded, UnsupportedMediaType
from watchword.web.endpoints import Endpoints
from watchword.web.http import Headers, Request

PASSWORD = "correct horse battery"


def handlers(desk):
    return {route.name: route.handler for route in Endpoints(lambda: desk, desk.settings).routes}


def sending(content, **headers):
    fields = [("Content-Type", "application/json"), *((n.replace("_", "-"), v) for n, v in headers.items())]
    return Request(method="POST", body=msgspec.json.encode(content), headers=Headers(fields), peer="10.0.0.1")


def bearing(token):
    return Request(headers=Headers([("authorization", f"bearer {token}")]))


def test_a_session_begins_goes_on_and_ends_without_any_framework(desk):
    answer = handlers(desk)
    response = answer["login"](sending({"username": "alice", "password": PASSWORD}))
    assert (response.status, dict(response.headers)["Cache-Control"]) == (200, "no-store")
    pair = msgspec.json.decode(response.body)
    pair = msgspec.json.decode(answer["refresh"](sending({"refresh_token": pair["refresh_token"]})).body)
    assert msgspec.json.decode(answer["me"](bearing(pair["access_token"])).body)["username"] == "alice"
    assert answer["logout"](bearing(pair["access_token"])).status == 204
    with pytest.raises(SessionEnded):
        answer["me"](bearing(pair["access_token"]))


@pytest.mark.parametrize(
    ("name", "request_", "expected"),
    [
        ("login", Request(body=b"{}"), UnsupportedMediaType),
        ("login", sending({"username": "alice"}), InvalidRequest),
        ("refresh", Request(headers=Headers([("Authorization", "Bearer x")])), InvalidRequest),
        ("logout", Request(), MissingToken),
        ("logout_all", Request(), MissingToken),
        ("me", Request(), MissingToken),
        ("me", Request(method="OPTIONS"), MissingToken),
        ("me", Request(headers=Headers([("Authorization", "Bearer x")] * 2)), InvalidRequest),
    ],
)
def test_a_handler_raises_for_a_request_that_it_refuses(desk, name, request_, expected):
    with pytest.raises(expected):
        handlers(desk)[name](request_)


@pytest.mark.parametrize(("trusted", "address"), [((), "10.0.0.1"), (("10.0.0.0/8",), "203.0.113.9")])
def test_a_forwarded_address_counts_only_behind_a_trusted_proxy(desk, trusted, address):
    behind = type(desk)(trusted_proxies=trusted)
    try:
        tokens = behind.start("7")
        body = {"refresh_token": tokens.refresh_token}
        handlers(behind)["refresh"](sending(body, X_Forwarded_For="198.51.100.7, 203.0.113.9"))
        (session,) = behind.sessions("7")
    finally:
        behind.close()
    assert session.ip_address == address
