"""The main job over HTTP: every call of the table, with values and headers."""

import re
import time

import pytest
from watchword_servers import ISSUER

import watchword
from watchword import KeySet


@pytest.fixture
def tokens(server):
    return server.login()


def test_login_answers_with_a_pair_of_tokens_that_no_cache_may_keep(server):
    answer = server.request(
        "POST", "/auth/login", {"username": "admin", "password": "correct horse battery staple"}
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "access_token": answer.json["access_token"],
        "token_type": "Bearer",
        "expires_in": 600,
        "refresh_token": answer.json["refresh_token"],
        "refresh_expires_in": 14 * 86_400,
        "scope": "",
    }
    assert watchword.inspect_unverified(answer.json["access_token"]).header["typ"] == "at+jwt"
    assert watchword.inspect_unverified(answer.json["refresh_token"]).header["typ"] == "rt+jwt"


@pytest.mark.parametrize("username", ["admin", "nobody"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_401(server, username):
    answer = server.request("POST", "/auth/login", {"username": username, "password": "wrong password"})
    assert (answer.status, answer.json) == (
        401,
        {"error": "invalid_credentials", "error_description": "username or password is wrong"},
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_refresh_answers_with_the_next_pair(server, tokens):
    answer = server.refresh(tokens["refresh_token"])
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() == tokens.keys()
    assert answer.json["refresh_token"] != tokens["refresh_token"]
    assert server.greets(answer.json)


@pytest.mark.parametrize("token_of", [lambda tokens: "a.b.c", lambda tokens: tokens["access_token"]])
def test_what_is_no_refresh_token_of_ours_is_an_invalid_grant(server, tokens, token_of):
    answer = server.refresh(token_of(tokens))
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_a_refresh_token_is_no_access_token(server, tokens):
    answer = server.request("GET", "/protected", token=tokens["refresh_token"])
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    "credentials",
    [
        lambda tokens: {"token": tokens["access_token"]},
        lambda tokens: {"body": {"refresh_token": tokens["refresh_token"]}},
    ],
    ids=["access token", "refresh token"],
)
def test_logout_ends_the_session_at_once_and_may_be_repeated(server, tokens, credentials):
    other = server.login()
    assert server.greets(tokens)
    for _ in range(2):
        answer = server.request("POST", "/auth/logout", **credentials(tokens))
        assert (answer.status, answer.body) == (204, b"")
        assert not server.greets(tokens)
        assert server.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert server.greets(other)


def test_logout_all_ends_every_session_of_the_subject(server, tokens):
    other = server.login()
    assert server.request("POST", "/auth/logout-all", token=tokens["access_token"]).status == 204
    for ended in (tokens, other):
        assert not server.greets(ended)
        assert server.refresh(ended["refresh_token"]).status == 400


def test_me_tells_who_the_caller_is(server, tokens):
    claims = watchword.inspect_unverified(tokens["access_token"]).claims
    answer = server.request("GET", "/auth/me", token=tokens["access_token"])
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json == {
        "subject": claims["sub"],
        "username": "admin",
        "session": claims["sid"],
        "scope": "",
        "authenticated_at": claims["auth_time"],
        "expires_at": claims["exp"],
    }


def test_sessions_lists_the_callers_own_live_ones(server, tokens):
    server.request("POST", "/auth/logout-all", token=tokens["access_token"])
    ended, other = server.login(), server.login(headers={"User-Agent": "a telephone"})
    server.request("POST", "/auth/logout", token=ended["access_token"])
    mine = server.login(headers={"User-Agent": "a browser"})
    answer = server.request("GET", "/auth/sessions", token=mine["access_token"])
    assert answer.status == 200
    listed = answer.json["sessions"]
    assert [(session["user_agent"], session["current"]) for session in listed] == [
        ("a browser", True),
        ("a telephone", False),
    ]
    assert {session["ip_address"] for session in listed} == {"127.0.0.1"}
    assert all(abs(time.time() - session["created_at"]) < 60 for session in listed)
    assert all(session["last_used_at"] >= session["created_at"] for session in listed)
    assert listed[1]["id"] == watchword.inspect_unverified(other["access_token"]).claims["sid"]


def test_a_caller_ends_one_of_their_own_sessions(server, tokens):
    other = server.login()
    session = watchword.inspect_unverified(other["access_token"]).claims["sid"]
    answer = server.request("DELETE", f"/auth/sessions/{session}", token=tokens["access_token"])
    assert answer.status == 204
    assert not server.greets(other)
    assert server.greets(tokens)
    again = server.request("DELETE", f"/auth/sessions/{session}", token=tokens["access_token"])
    assert again.status == 404


def test_a_session_of_somebody_else_is_not_found(server, tokens, add_account):
    add_account(server, "mallory", "another good password")
    theirs = server.login("mallory", "another good password")
    session = watchword.inspect_unverified(tokens["access_token"]).claims["sid"]
    for unknown in (session, "no-such-session"):
        answer = server.request("DELETE", f"/auth/sessions/{unknown}", token=theirs["access_token"])
        assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert server.greets(tokens)


def test_jwks_holds_public_keys_that_verify_the_access_token(server, tokens):
    answer = server.request("GET", "/.well-known/jwks.json")
    assert answer.status == 200
    assert re.fullmatch(r"public, max-age=\d+", answer.headers["Cache-Control"])
    assert [(key["kty"], key["alg"], "d" in key) for key in answer.json["keys"]] == [
        ("EC", "ES256", False)
    ] * 2
    verifier = watchword.Verifier(
        KeySet.from_jwks(answer.json), issuer=ISSUER, audience="watchword", typ="at+jwt"
    )
    assert verifier.verify(tokens["access_token"])["preferred_username"] == "admin"


def test_the_protected_route_greets_whoever_brings_a_good_token(server, tokens):
    answer = server.request("GET", "/protected", token=tokens["access_token"])
    assert (answer.status, answer.json) == (200, {"message": "Hello, admin!"})


def test_the_scheme_may_be_written_in_lower_case(server, tokens):
    headers = {"Authorization": f"bearer {tokens['access_token']}"}
    assert server.request("GET", "/protected", headers=headers).status == 200


PROTECTED = [
    ("GET", "/protected"),
    ("GET", "/auth/me"),
    ("GET", "/auth/sessions"),
    ("DELETE", "/auth/sessions/x"),
    ("POST", "/auth/logout-all"),
    ("POST", "/auth/logout"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_no_token_is_a_401_with_a_bare_challenge(server, method, path):
    answer = server.request(method, path)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json["error"] == "missing_token"


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_a_bad_token_is_a_401_that_says_so_in_its_challenge(server, tokens, method, path):
    head, payload, _ = tokens["access_token"].split(".")
    answer = server.request(method, path, token=f"{head}.{payload}.{'A' * 86}")
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_an_expired_token_is_refused_and_says_so(start):
    server = start(WATCHWORD_ACCESS_LIFETIME="2", WATCHWORD_REFRESH_WINDOW="1", WATCHWORD_LEEWAY="0")
    tokens = server.login()
    assert server.greets(tokens)
    time.sleep(tokens["expires_in"])
    answer = server.request("GET", "/protected", token=tokens["access_token"])
    assert (answer.status, answer.json["error_description"]) == (401, "the token has expired")
    logout = server.request(
        "POST",
        "/auth/logout",
        {"refresh_token": tokens["refresh_token"]},
        token=tokens["access_token"],
    )
    assert logout.status == 204, "after lunch the access token has expired"
    assert server.refresh(tokens["refresh_token"]).status == 400


@pytest.mark.parametrize(("path", "status"), [("/healthz", "ok"), ("/readyz", "ready")])
def test_health_is_told_without_a_token(server, path, status):
    answer = server.request("GET", path)
    assert (answer.status, answer.json) == (200, {"status": status})


def test_fifty_good_logins_one_after_another_are_never_throttled(server):
    assert len({server.login()["access_token"] for _ in range(50)}) == 50
