"""What the guard of every adapter lets through, and what it refuses and how."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from application_process import sign_legacy
from hostile_requests import HEADERS, NOT_ASCII, send
from watchword_servers import until

GUARDED = ["/protected", "/scoped", "/any", "/fresh", "/optional", "/user"]


# -- what opens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/protected", "/scoped", "/any", "/fresh", "/optional"])
def test_a_login_opens_a_guarded_route_which_sees_the_identity(application, tokens, path):
    me = application.read("/auth/me", token=tokens["alice"])
    assert application.read(path, token=tokens["alice"]) == {"subject": me["subject"], "username": "alice"}


@pytest.mark.parametrize("path", ["/scoped", "/any"])
def test_a_token_without_the_scopes_is_forbidden(application, tokens, path):
    answer = application.request("GET", path, token=tokens["bob"])
    application.check_refusal(answer, 403, "insufficient_scope")


def test_an_optional_route_opens_without_a_token(application):
    assert application.read("/optional") == {"subject": None, "username": None}


def test_a_request_has_no_identity_of_an_earlier_request_of_its_worker(application, tokens):
    with application.connect_to_each_worker() as workers:
        for worker in workers * 5:
            assert application.read("/protected", token=tokens["alice"], over=worker)["username"] == "alice"
            for path in ("/open", "/optional"):
                assert application.read(path, over=worker) == {"subject": None, "username": None}


@pytest.mark.parametrize("path", GUARDED)
def test_a_preflight_needs_no_token_and_does_not_reach_the_view(application, path):
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = application.request("OPTIONS", path, headers=headers)
    if path != "/protected" and answer.status == 405:
        return  # The framework does not route OPTIONS to a view unless it is told to.
    assert answer.status in {200, 204}, answer.body
    assert "WWW-Authenticate" not in answer.headers
    assert b"subject" not in answer.body


def test_the_user_is_loaded_once_and_only_where_it_is_read(application, tokens):
    assert application.read("/user", token=tokens["bob"]) == {"user": "bob", "is_loaded_once": True}
    assert application.read("/protected", token=tokens["ghost"])["username"] == "ghost"


def test_a_subject_without_a_user_has_no_valid_token(application, tokens):
    answer = application.request("GET", "/user", token=tokens["ghost"])
    application.check_refusal(answer, 401, "invalid_token")


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in GUARDED if path != "/optional"])
def test_a_request_without_a_token_is_asked_for_one(application, path):
    application.check_refusal(application.request("GET", path), 401, None)


@pytest.mark.parametrize(("lines", "status", "code"), HEADERS.values(), ids=HEADERS)
def test_a_hostile_header_is_refused_with_a_challenge(application, lines, status, code):
    answer = send(application, "/protected", lines)
    application.check_refusal(answer, status, code)
    assert send(application, "/open", lines).status == 200


@pytest.mark.parametrize(
    ("lines", "status", "code"), [row for row in HEADERS.values() if row[2]], ids=lambda _: ""
)
def test_a_bad_token_is_refused_where_the_identity_is_optional(application, lines, status, code):
    application.check_refusal(send(application, "/optional", lines), status, code)


@pytest.mark.parametrize("token", NOT_ASCII.values(), ids=NOT_ASCII)
def test_a_token_that_is_not_ascii_is_refused_whether_or_not_the_server_passes_it_on(application, token):
    answer = send(application, "/protected", b"Authorization: Bearer " + token)
    code = None if answer.headers["WWW-Authenticate"] == "Bearer" else "invalid_token"
    application.check_refusal(answer, 401, code)


@pytest.mark.parametrize("byte", [b"\0", b"\x01", b"\x7f", b"\x0b"])
def test_a_control_character_in_the_header_is_refused_by_the_guard_or_by_the_server(application, byte):
    answer = send(application, "/protected", b"Authorization: Bearer a" + byte + b"b")
    assert answer.status in {400, 401}


def test_a_refresh_token_does_not_open_a_route(application):
    answer = application.request("GET", "/protected", token=application.login("bob")["refresh_token"])
    application.check_refusal(answer, 401, "invalid_token")
    assert "refresh token" in answer.headers["WWW-Authenticate"]


def test_requests_at_the_same_time_do_not_see_the_identity_of_each_other(application, tokens):
    def ask(first: int) -> None:
        with contextlib.closing(application.http_connection()) as connection:
            for number in range(first, first + 30):
                name = (None, "alice", "bob")[number % 3]
                token = tokens.get(name)
                assert application.read("/optional", token=token, over=connection)["username"] == name
                # Without a guard only a middleware finds an identity.
                assert application.read("/open", token=token, over=connection)["username"] in {name, None}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))


# -- other tokens ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "claims", "status", "code"),
    [
        ("/protected", {}, 200, ""),
        ("/optional", {}, 200, ""),
        ("/scoped", {"scope": "reports:read other"}, 200, ""),
        ("/scoped", {"scope": "reports:write"}, 403, "insufficient_scope"),
        ("/any", {"scope": "b"}, 200, ""),
        ("/any", {}, 403, "insufficient_scope"),
        ("/fresh", {"auth_time": 0}, 200, ""),
        ("/fresh", {"auth_time": -600}, 401, "insufficient_user_authentication"),
        ("/fresh", {}, 401, "insufficient_user_authentication"),
        ("/protected", {"cnf": {"jkt": "x"}}, 401, "invalid_token"),
    ],
)
def test_a_token_of_another_kind_opens_what_its_claims_open(application, path, claims, status, code):
    times = {name: int(time.time()) + claims[name] for name in claims.keys() & {"auth_time"}}
    answer = application.request("GET", path, token=sign_legacy("42", **claims | times))
    if status == 200:
        assert (answer.status, answer.json) == (200, {"subject": "42", "username": "42"})
    else:
        application.check_refusal(answer, status, code)


def test_a_token_of_another_kind_is_not_a_token_of_the_endpoints_or_of_the_other_extension(application):
    for path in ("/auth/me", "/staff/protected"):
        application.check_refusal(
            application.request("GET", path, token=sign_legacy("42")), 401, "invalid_token"
        )


def test_each_of_two_extensions_refuses_the_tokens_of_the_other(application, tokens):
    staff = application.login("alice", "/staff/auth")["access_token"]
    assert application.read("/staff/protected", token=staff)["username"] == "alice"
    assert application.read("/staff/auth/me", token=staff)["username"] == "alice"
    for path, token in {
        "/protected": staff,
        "/auth/me": staff,
        "/staff/protected": tokens["alice"],
        "/staff/auth/me": tokens["alice"],
    }.items():
        application.check_refusal(application.request("GET", path, token=token), 401, "invalid_token")


# -- logout ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout-all"])
def test_a_logout_at_a_worker_holds_at_each_within_a_second_and_a_half(application, path):
    token = application.login("carol")["access_token"]

    def read_status(connection: Any) -> int:
        return application.request("GET", "/protected", token=token, over=connection).status

    with application.connect_to_each_worker() as workers:
        assert [read_status(worker) for worker in workers] == [200, 200]
        started = time.monotonic()
        assert application.request("POST", path, token=token, over=workers[0]).status == 204
        assert read_status(workers[0]) == 401  # The worker that ended the session knows it at once.
        until(lambda: read_status(workers[1]) == 401, "the other worker refuses", within=5)
        assert time.monotonic() - started < 1.5
        assert [read_status(worker) for worker in workers] == [401, 401]
