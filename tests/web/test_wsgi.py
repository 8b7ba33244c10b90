"""Requests as WSGI servers hand them over."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder

from watchword.web.http import Request
from watchword.web.wsgi import WsgiRequest


def received(**changes):
    environ = EnvironBuilder(
        path="/caf\xe9",
        base_url="https://api.example:8443/app",
        method="POST",
        query_string="scope=a&scope=b",
        headers=[
            ("Authorization", "Bearer a"),
            ("Authorization", "Bearer b"),
            ("X-Tenant", "acme"),
            ("Cookie", "a=1; b=2"),
        ],
        content_type="application/json",
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    ).get_environ()
    return WsgiRequest({**environ, **changes}, {"session_id": "s"}, b"{}")


def test_every_part_is_read_from_the_environ():
    request = received()
    assert isinstance(request, Request)
    assert (request.method, request.scheme, request.host) == ("POST", "https", "api.example:8443")
    assert (request.mount_path, request.path) == ("/app", "/caf\xe9")
    assert dict(request.query) == {"scope": ("a", "b")}
    assert dict(request.cookies) == {"a": "1", "b": "2"}
    assert (request.peer, request.body, request.path_parameters) == ("192.0.2.7", b"{}", {"session_id": "s"})


def test_headers_are_found_by_name_and_joined_as_the_server_joined_them():
    request = received()
    for name in ("X-Tenant", "x-tenant"):
        assert (request.find_header(name), request.headers.find(name)) == ("acme", "acme")
    for name in ("Content-Type", "content-type"):
        assert (request.find_header(name), request.headers.find(name)) == ("application/json",) * 2
    assert request.find_header("authorization").count("Bearer") == 2
    assert list(request.headers.find_all("authorization")) == [request.find_header("authorization")]
    assert (request.find_header("x-none"), list(request.headers.find_all("x-none"))) == (None, [])


def test_a_client_cannot_send_the_type_of_the_body_under_another_name():
    request = received(HTTP_CONTENT_TYPE="text/plain", HTTP_CONTENT_LENGTH="5")
    assert request.find_header("Content-Type") == "application/json"


def test_what_a_server_leaves_out_is_empty():
    request = WsgiRequest({"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "SERVER_NAME": "localhost"})
    assert (request.host, request.mount_path, request.path) == ("localhost", "", "")
    assert (dict(request.query), dict(request.cookies), request.peer, request.body) == ({}, {}, None, b"")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("caf\xc3\xa9", "caf\xe9"), ("\xff", "\N{REPLACEMENT CHARACTER}"), ("\N{EURO SIGN}", "\N{EURO SIGN}")],
)
def test_a_url_that_is_not_as_pep_3333_has_it_is_no_error(text, expected):
    request = received(PATH_INFO=f"/{text}", SCRIPT_NAME=f"/{text}", QUERY_STRING=f"a={text}")
    assert (request.path, request.mount_path) == (f"/{expected}", f"/{expected}")
    assert dict(request.query) == {"a": (expected,)}


@pytest.mark.parametrize("name", ["method", "headers", "body", "peer"])
def test_no_part_can_be_set(name):
    with pytest.raises(AttributeError):
        setattr(received(), name, "x")


def test_it_shows_nothing_that_may_be_secret():
    shown = repr(received(HTTP_COOKIE="a=secret", QUERY_STRING="a=secret", HTTP_AUTHORIZATION="secret"))
    assert "secret" not in shown
    assert "192.0.2.7" in shown
