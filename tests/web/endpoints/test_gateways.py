"""The endpoint for gateways, asked without a framework. ``tests/interop`` has real gateways."""

from __future__ import annotations

import math
import re
from urllib.parse import unquote

import pytest

from watchword.errors import (
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    SessionEnded,
    StoreUnavailable,
)
from watchword.web.endpoints import Endpoints
from watchword.web.http import Headers, Request, parse_query

NAMES = ["X-Auth-Subject", "X-Auth-Username", "X-Auth-Scopes", "X-Auth-Session"]


@pytest.fixture
def check(desk):
    routes = Endpoints(lambda: desk, desk.settings).routes
    return next(route.handler for route in routes if route.name == "check")


def asking(tokens, query="", method="GET"):
    headers = Headers([("Authorization", f"Bearer {tokens.access_token}")])
    return Request(method=method, headers=headers, query=parse_query(query))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_gateway_is_told_whose_request_may_pass(desk, check, method):
    tokens = desk.start("7", ["read", "reports:write"], username="alice")
    answer = check(asking(tokens, method=method))
    assert (answer.status, answer.body) == (204, b"")
    assert dict(answer.headers) == {
        "X-Auth-Subject": "7",
        "X-Auth-Username": "alice",
        "X-Auth-Scopes": "read reports:write",
        "X-Auth-Session": tokens.session_id,
        "Cache-Control": "no-store",
    }


def test_headers_without_content_are_there_so_that_they_replace_forged_headers(desk, check):
    answer = check(asking(desk.start("7")))
    assert [name for name, _ in answer.headers if name in NAMES] == NAMES
    assert dict(answer.headers)["X-Auth-Scopes"] == ""


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("auth0|5f7c-8b_1.2~x", "auth0|5f7c-8b_1.2~x"),
        ("alice@example.com", "alice@example.com"),
        ("cn=alice,dc=example", "cn=alice%2Cdc=example"),
        ("Zoë Müller", "Zo%C3%AB%20M%C3%BCller"),
        ("100%", "100%25"),
        ("%0d%0a", "%250d%250a"),
        ("a\r\nX-Auth-Scopes: admin", "a%0D%0AX-Auth-Scopes:%20admin"),
        ('a"; b\\', "a%22%3B%20b%5C"),
        ("a+b", "a%2Bb"),
        ("\x00\x7f\u2028", "%00%7F%E2%80%A8"),
    ],
)
def test_a_subject_or_username_cannot_break_a_header(desk, check, text, encoded):
    headers = dict(check(asking(desk.start(text, username=text))).headers)
    assert headers["X-Auth-Subject"] == headers["X-Auth-Username"] == encoded
    assert unquote(encoded) == text
    assert all(re.fullmatch(r"[!-~]( ?[!-~])*|", value) for value in headers.values())


@pytest.mark.parametrize(
    "query", ["", "scope=", "scope=read", "scope=read+write", "scope=write&scope=read&scope="]
)
def test_a_request_with_the_scopes_that_are_asked_for_may_pass(desk, check, query):
    assert check(asking(desk.start("7", ["read", "write"]), query)).status == 204


@pytest.mark.parametrize("query", ["scope=admin", "scope=read+admin", "scope=read&scope=admin", "scope=READ"])
def test_a_request_without_a_scope_that_is_asked_for_must_not_pass(desk, check, query):
    with pytest.raises(InsufficientScope):
        check(asking(desk.start("7", ["read"]), query))


@pytest.mark.parametrize("query", ['scope="admin"', "scope=%C3%A4", "scope=a%0Ab", "scope=a%5Cb"])
def test_a_malformed_scope_is_told_to_the_operator_and_nobody_passes(desk, check, query):
    with pytest.raises(InvalidRequest, match="the query parameter scope must be scopes"):
        check(asking(desk.start("7", ["admin"]), query))


@pytest.mark.parametrize(
    ("authorizations", "refusal"),
    [
        ([], MissingToken),
        (["Basic YTpi"], MissingToken),
        (["Bearer x"], InvalidToken),
        (["Bearer "], InvalidToken),  # 401, because gateways make 500 of 400
        (["Bearer x", "Bearer y"], InvalidToken),
    ],
)
def test_a_request_without_a_good_token_is_a_401(check, authorizations, refusal):
    with pytest.raises(refusal) as caught:
        check(Request(headers=Headers(("Authorization", value) for value in authorizations)))
    assert caught.value.status == 401


def test_a_request_of_an_ended_session_must_not_pass(desk, check):
    tokens = desk.start("7")
    desk.end(tokens.session_id)
    with pytest.raises(SessionEnded):
        check(asking(tokens))


def test_a_check_does_no_io_until_it_is_not_known_any_more_which_sessions_have_ended(desk, check):
    request = asking(desk.start("7", ["read"]), "scope=read")
    desk.wait(0)
    desk.stores.close()  # the database was in memory
    assert check(request).status == 204
    desk._revocations._polls.remove()
    desk._revocations._spared_until = -math.inf
    with pytest.raises(StoreUnavailable):
        check(request)
