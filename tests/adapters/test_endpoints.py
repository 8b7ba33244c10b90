"""Every adapter serves every endpoint, at its exact path and with its methods only."""

from __future__ import annotations

import pytest
from endpoint_checks import check_answer, check_methods, check_similar_paths, list_calls
from hostile_requests import BODIES

# Only the first extension owns what lies below /.well-known/.
CALLS = [
    *list_calls("/auth"),
    *(call for call in list_calls("/staff/auth") if not call[1].startswith("/.well-known/")),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_endpoint_answers(application, method, path):
    check_answer(application, method, path)


@pytest.mark.parametrize("path", sorted({path for _, path in CALLS}))
def test_an_endpoint_has_no_other_method(application, path):
    check_methods(application, path, {method for method, other in CALLS if other == path})


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_path_that_is_almost_an_endpoint_is_unknown_and_never_redirects(application, method, path):
    check_similar_paths(application, method, path)


@pytest.mark.parametrize("prefix", ["/auth", "/staff/auth"])
def test_a_person_logs_in_refreshes_looks_around_and_logs_out(application, prefix):
    tokens = application.login("bob", prefix)
    renewed = application.request("POST", f"{prefix}/refresh", {"refresh_token": tokens["refresh_token"]})
    assert renewed.status == 200
    assert renewed.headers["Cache-Control"] == "no-store"
    token = renewed.json["access_token"]
    me = application.read(f"{prefix}/me", token=token)
    assert me["username"] == "bob"
    other = application.login("bob", prefix)
    sessions = application.read(f"{prefix}/sessions", token=token)["sessions"]
    assert me["session"] in {session["id"] for session in sessions if session["current"]}
    ended = application.read(f"{prefix}/me", token=other["access_token"])["session"]
    assert application.request("DELETE", f"{prefix}/sessions/{ended}", token=token).status == 204
    assert application.request("DELETE", f"{prefix}/sessions/unknown", token=token).status == 404
    assert application.request("POST", f"{prefix}/logout", token=token).status == 204
    refused = application.request(
        "POST", f"{prefix}/refresh", {"refresh_token": renewed.json["refresh_token"]}
    )
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


def test_the_client_of_a_login_is_known(application):
    credentials = {"username": "bob", "password": "correct horse battery staple"}
    answer = application.request("POST", "/auth/login", credentials, headers={"User-Agent": "the suite"})
    sessions = application.read("/auth/sessions", token=answer.json["access_token"])["sessions"]
    (current,) = (session for session in sessions if session["current"])
    assert (current["user_agent"], current["ip_address"]) == ("the suite", "127.0.0.1")


@pytest.mark.parametrize(("body", "content_type", "status"), BODIES.values(), ids=BODIES)
def test_a_hostile_body_is_a_mistake_of_its_client(application, body, content_type, status):
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = application.request("POST", "/auth/login", body, headers=headers)
    assert (answer.status, set(answer.json)) == (status, {"error", "error_description"})


def test_a_body_of_unannounced_length_is_bounded(application):
    answer = application.send(
        b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"1000\r\n" + b" " * 0x1000 + b"\r\n"] * 8,
        b"0\r\n\r\n",
    )
    assert (answer.status, answer.json["error"]) == (413, "body_too_large")


def test_the_first_extension_publishes_its_keys(application):
    keys = application.read("/.well-known/jwks.json")["keys"]
    assert {key["alg"] for key in keys} == {"ES256"}
    tag = application.request("GET", "/.well-known/jwks.json").headers["ETag"]
    cached = application.request("GET", "/.well-known/jwks.json", headers={"If-None-Match": tag})
    assert (cached.status, cached.body) == (304, b"")
