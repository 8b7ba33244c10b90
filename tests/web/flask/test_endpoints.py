"""The HTTP API, row by row, through Flask's test client."""

from __future__ import annotations

import json
import logging
import math
import re
from contextlib import ExitStack

import flask
import pytest

from watchword import Issuer, Key
from watchword.accounts import hashing_slots
from watchword.jose import jwe
from watchword.web.flask import Watchword

PASSWORD = "correct horse battery"
PAIR = {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in", "scope"}
MARK = "marker-that-must-not-come-back"


def login(client, **options):
    return client.post("/auth/login", json={"username": "alice", "password": PASSWORD}, **options)


def bearer_of(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def is_refused(answer, status, code):
    """An answer of that status and code, in the one form that errors have."""
    assert (answer.status_code, answer.get_json().get("error")) == (status, code)
    assert answer.get_json().keys() == {"error", "error_description"}
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return True


# -- the table -----------------------------------------------------------------------------------


def test_login_answers_with_a_pair_of_tokens_that_nobody_may_store(client):
    answer = login(client)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert body.keys() == PAIR
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "read write")
    assert body["refresh_expires_in"] == 14 * 86_400


@pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions", "/.well-known/jwks.json"])
def test_head_is_answered_like_get_without_a_body(client, bearer, path):
    full, head = client.get(path, headers=bearer), client.head(path, headers=bearer)
    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(full.headers)


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("bob", PASSWORD), ("", "")])
def test_a_refused_login_is_one_answer_whatever_was_wrong(client, username, password):
    answer = client.post("/auth/login", json={"username": username, "password": password})
    assert is_refused(answer, 401, "invalid_credentials")
    assert answer.get_json()["error_description"] == "username or password is wrong"
    assert "WWW-Authenticate" not in answer.headers


def test_refresh_answers_with_the_next_pair(client, tokens):
    answer = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.get_json().keys() == PAIR
    assert answer.get_json()["refresh_token"] != tokens["refresh_token"]


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "\x00", "access"])
def test_a_refused_refresh_is_an_invalid_grant(client, tokens, token):
    answer = client.post(
        "/auth/refresh", json={"refresh_token": tokens["access_token"] if token == "access" else token}
    )
    assert is_refused(answer, 400, "invalid_grant")


@pytest.mark.parametrize("with_token", ["access", "refresh", "both"])
def test_logout_ends_the_session_at_once(client, tokens, bearer, with_token):
    request = {}
    if with_token != "refresh":
        request["headers"] = bearer
    if with_token != "access":
        request["json"] = {"refresh_token": tokens["refresh_token"]}
    for _ in range(2):  # the second time it has ended before
        answer = client.post("/auth/logout", **request)
        assert (answer.status_code, answer.data) == (204, b"")
    refused = client.get("/auth/me", headers=bearer)
    assert is_refused(refused, 401, "invalid_token")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert is_refused(
        client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 400, "invalid_grant"
    )


def test_after_lunch_the_refresh_token_logs_out(client, desk, tokens, bearer):
    desk.wait(3600)
    assert is_refused(client.post("/auth/logout", headers=bearer), 401, "invalid_token")
    answer = client.post("/auth/logout", headers=bearer, json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 204


@pytest.mark.parametrize("body", [None, {}, {"refresh_token": None}])
def test_logout_without_any_token_is_challenged(client, body):
    answer = client.post("/auth/logout", json=body) if body is not None else client.post("/auth/logout")
    assert is_refused(answer, 401, "missing_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_logout_with_a_refresh_token_does_not_mind_credentials_of_another_scheme(client, tokens, bearer):
    answer = client.post(
        "/auth/logout",
        json={"refresh_token": tokens["refresh_token"]},
        headers={"Authorization": "Basic YTpi"},
    )
    assert answer.status_code == 204
    assert is_refused(client.get("/auth/me", headers=bearer), 401, "invalid_token")


def test_logout_with_a_refresh_token_that_is_not_ours_is_an_invalid_grant(client):
    assert is_refused(client.post("/auth/logout", json={"refresh_token": "x"}), 400, "invalid_grant")


def test_logout_all_ends_every_session_of_the_caller(client, tokens, bearer):
    other = login(client).get_json()
    assert client.post("/auth/logout-all", headers=bearer).status_code == 204
    for pair in (tokens, other):
        assert is_refused(client.get("/auth/me", headers=bearer_of(pair)), 401, "invalid_token")


def test_me_says_who_the_caller_is(client, desk, tokens, bearer):
    answer = client.get("/auth/me", headers=bearer)
    (session,) = desk.sessions(desk.accounts.find("alice").subject)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json() == {
        "subject": session.subject,
        "username": "alice",
        "session": session.id,
        "scope": "read write",
        "authenticated_at": int(session.authenticated_at),
        "expires_at": int(session.created_at) + tokens["expires_in"],
    }


def test_sessions_lists_the_caller_s_own_and_says_which_is_this_one(client, desk, tokens, bearer):
    desk.start("somebody else")
    login(client, headers={"User-Agent": "curl/8"}, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    listed = client.get("/auth/sessions", headers=bearer).get_json()["sessions"]
    assert [(entry["current"], entry["user_agent"], entry["ip_address"]) for entry in listed] == [
        (False, "curl/8", "198.51.100.7"),
        (True, listed[1]["user_agent"], "127.0.0.1"),
    ]
    assert all(
        entry.keys() == {"id", "created_at", "last_used_at", "user_agent", "ip_address", "current"}
        for entry in listed
    )
    assert listed[1]["last_used_at"] == listed[1]["created_at"]
    client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    current = client.get("/auth/sessions", headers=bearer).get_json()["sessions"][1]
    assert current["last_used_at"] > current["created_at"]


def test_a_caller_ends_one_of_their_own_sessions(client, desk, tokens, bearer):
    other = login(client).get_json()
    (ended,) = [
        entry["id"]
        for entry in client.get("/auth/sessions", headers=bearer).get_json()["sessions"]
        if not entry["current"]
    ]
    assert client.delete(f"/auth/sessions/{ended}", headers=bearer).status_code == 204
    assert is_refused(client.get("/auth/me", headers=bearer_of(other)), 401, "invalid_token")
    assert client.get("/auth/me", headers=bearer).status_code == 200


def test_a_caller_ends_their_own_session_also_where_the_store_has_lost_it(client, desk, bearer):
    with desk.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("DELETE FROM watchword_sessions")
    session_id = client.get("/auth/me", headers=bearer).get_json()["session"]
    assert client.delete(f"/auth/sessions/{session_id}", headers=bearer).status_code == 204
    assert is_refused(client.get("/auth/me", headers=bearer), 401, "invalid_token")


def test_of_anybody_else_s_session_there_is_nothing_to_see(client, desk, bearer):
    stranger = desk.start("somebody else")
    for session_id in (stranger.session_id, "none", "%00", "x" * 2000):
        assert is_refused(client.delete(f"/auth/sessions/{session_id}", headers=bearer), 404, "not_found")
    assert desk.authenticate(stranger.access_token).subject == "somebody else"


def test_the_jwks_is_public_and_may_be_cached(client, desk):
    answer = client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.get_json() == desk.jwks()
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    assert re.fullmatch('"[A-Za-z0-9_-]{43}"', answer.headers["ETag"])


JWKS = "/.well-known/jwks.json"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"another", {}', 'W/"x,y",{} , "z"', "*", " * "])
def test_a_jwks_that_the_caller_has_is_not_sent_again(client, form):
    tag = client.get(JWKS).headers["ETag"]
    answer = client.get(JWKS, headers={"If-None-Match": form.format(tag)})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://spa.example"}, {"If-None-Match": "*"}])
def test_a_page_of_any_origin_may_read_the_jwks_and_nothing_else(client, bearer, headers):
    assert client.get(JWKS, headers=headers).headers["Access-Control-Allow-Origin"] == "*"
    for answer in (login(client, headers=headers), client.get("/auth/me", headers=bearer | headers)):
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("form", ["", '"another"', "unquoted", '"', '""', "W/", '"{}'])
def test_any_other_jwks_is_sent(client, form):
    bare = client.get(JWKS).headers["ETag"].strip('"')
    assert client.get(JWKS, headers={"If-None-Match": form.format(bare)}).status_code == 200


def test_the_entity_tag_changes_with_the_keys_and_is_the_same_on_every_node(client, desk):
    before = client.get(JWKS).headers["ETag"]
    desk.wait(1)
    assert client.get(JWKS).headers["ETag"] == before
    desk.keyring.compromise(desk.keyring.public.find_signing_key().kid)
    desk.wait(1)
    answer = client.get(JWKS, headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != before


@pytest.mark.parametrize(
    ("before_the_change", "max_age"), [(3_600, 600), (601, 600), (300, 300), (4.9, 4), (-5, 600)]
)
def test_a_jwks_may_be_kept_until_its_next_change(client, desk, before_the_change, max_age):
    desk.wait(desk.settings.rotation_period - before_the_change)
    answered = client.get(JWKS).headers["Cache-Control"]
    seconds = int(answered.removeprefix("public, max-age="))
    assert max_age - 2 <= seconds <= max_age
    assert seconds >= 1


def test_a_jwks_that_may_have_changed_unseen_is_answered_but_not_kept(client, desk, monkeypatch):
    answer = client.get(JWKS)
    desk._revocations._polls.remove()
    monkeypatch.setattr(desk._revocations, "_spared_until", -math.inf)
    desk.stores.close()  # the database in memory is gone
    again = client.get(JWKS)
    assert (again.status_code, again.data) == (200, answer.data)
    assert again.headers["Cache-Control"] == "public, max-age=0"


def test_a_jwks_is_asked_for_where_nobody_logs_in_and_is_up_to_date(client, desk):
    key = desk.keyring.public.find_signing_key().kid
    desk.keyring.compromise(key)
    assert key not in client.get(JWKS).text


def test_a_protected_view_greets_its_caller(client, bearer):
    assert client.get("/protected", headers=bearer).get_json() == {"message": "Hello, alice!"}


GUARDED = [
    ("GET", "/protected"),
    ("GET", "/auth/me"),
    ("GET", "/auth/sessions"),
    ("DELETE", "/auth/sessions/x"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/logout-all"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_token_there_is_a_bare_challenge_and_with_a_bad_one_a_reason(client, method, path):
    answer = client.open(path, method=method)
    assert is_refused(answer, 401, "missing_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = client.open(path, method=method, headers={"Authorization": "Bearer a.b.c"})
    assert is_refused(answer, 401, "invalid_token")
    assert re.fullmatch(
        r'Bearer error="invalid_token", error_description="[^"\\]+"', answer.headers["WWW-Authenticate"]
    )


# -- bad input -----------------------------------------------------------------------------------

CREDENTIALS = {"username": MARK, "password": MARK}
TWICE = b', "username": "x", "refresh_token": "y"}'
INSIDE = b', "other": [{"a": 1, "a": 2}]}'

BAD_BODIES = {
    "not JSON": (MARK.encode(), 400),
    "empty": (b"", 400),
    "not an object": (json.dumps([MARK]).encode(), 400),
    "a string": (json.dumps(MARK).encode(), 400),
    "null": (b"null", 400),
    "wrong types": (json.dumps({"username": [MARK], "password": 5, "refresh_token": {}}).encode(), 400),
    "null members": (b'{"username": null, "password": null, "refresh_token": 5}', 400),
    "missing fields": (json.dumps({"other": MARK, "username": MARK, "refresh_token": 1}).encode(), 400),
    "invalid UTF-8": (b'{"username": "\xff", "password": "\xff", "refresh_token": "\xff"}', 400),
    "UTF-16": (json.dumps(CREDENTIALS).encode("utf-16"), 400),
    "a lone surrogate": (b'{"username": "\\ud800", "password": "\\ud800", "refresh_token": "\\ud800"}', 400),
    "deeply nested": (b'{"other":' + b"[" * 16_000, 400),
    "a trailing document": (json.dumps(CREDENTIALS | {"refresh_token": "x"}).encode() + b"{}", 400),
    "a huge number": (b'{"username": 1' + b"0" * 5000 + b', "refresh_token": 1e999}', 400),
    "a member twice": (json.dumps(CREDENTIALS | {"refresh_token": "x"}).encode()[:-1] + TWICE, 400),
    "a member twice inside": (json.dumps(CREDENTIALS | {"refresh_token": "x"}).encode()[:-1] + INSIDE, 400),
    "over 16 KiB": (json.dumps(CREDENTIALS | {"refresh_token": MARK, "pad": "x" * 16_384}).encode(), 413),
    "a password of 2 MB": (json.dumps({"username": MARK, "password": MARK * 70_000}).encode(), 413),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh"])
@pytest.mark.parametrize(("body", "status"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_without_echo_and_nothing_is_written(client, desk, caplog, path, body, status):
    caplog.set_level(logging.DEBUG)
    before = desk.rows()
    answer = client.post(path, data=body, content_type="application/json")
    assert is_refused(answer, status, {400: "invalid_request", 413: "body_too_large"}[status])
    assert MARK not in answer.get_data(as_text=True) + str(answer.headers) + caplog.text
    assert desk.rows() == before


@pytest.mark.parametrize(
    "path", ["//auth/login", "/auth//login", "/auth/login/", "/auth/login//", "/auth/./login"]
)
def test_a_path_that_is_nearly_right_is_unknown_and_never_a_redirect_that_repeats_the_password(client, path):
    answer = client.post("/", json=CREDENTIALS, environ_overrides={"PATH_INFO": path})
    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_no_redirect_either_where_the_application_forgives_slashes(desk):
    app = flask.Flask("forgiving")
    app.url_map.strict_slashes = False
    Watchword(app, desk)
    assert app.test_client().post("/auth/login/", json=CREDENTIALS).status_code == 404


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"", None), (b"{}", "application/x-www-form-urlencoded")]
)
def test_a_refresh_token_in_the_wrong_place_is_told_the_right_one(client, tokens, body, content_type):
    headers = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    answer = client.post("/auth/refresh", data=body, content_type=content_type, headers=headers)
    assert answer.status_code in {400, 415}
    assert "refresh_token" in answer.get_json()["error_description"]
    assert "application/json" in answer.get_json()["error_description"]
    refused = client.get("/protected", headers=headers)
    assert is_refused(refused, 401, "invalid_token")
    assert "Send the access token here" in refused.get_json()["error_description"]
    assert client.get("/auth/me", headers=headers).get_json() == refused.get_json()


@pytest.mark.parametrize("field", ["username", "password"])
def test_nul_in_a_login_is_refused_and_nothing_is_written(client, desk, field):
    before = desk.rows()
    answer = client.post("/auth/login", json={"username": "alice", "password": PASSWORD, field: "a\0b"})
    assert is_refused(answer, 400, "invalid_request")
    assert desk.rows() == before


@pytest.mark.parametrize("body", [b"5", b'{"refresh_token": 5}', b"\xff", b"{"])
def test_a_bad_body_of_a_logout_is_refused_and_the_session_goes_on(client, bearer, body):
    answer = client.post("/auth/logout", data=body, content_type="application/json", headers=bearer)
    assert is_refused(answer, 400, "invalid_request")
    assert client.get("/auth/me", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "é/ü",
    ],
)
def test_a_body_that_is_not_declared_as_json_is_refused(client, desk, content_type):
    before = desk.rows()
    answer = client.post("/auth/login", data=json.dumps(CREDENTIALS), content_type=content_type)
    assert is_refused(answer, 415, "unsupported_media_type")
    assert desk.rows() == before


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_may_be_declared_in_each_of_its_spellings(client, content_type):
    body = json.dumps({"username": "alice", "password": PASSWORD})
    assert client.post("/auth/login", data=body, content_type=content_type).status_code == 200


@pytest.fixture(scope="module")
def encrypted() -> str:
    return jwe.encrypt(MARK.encode(), Key.from_secret(b"k" * 32, alg="dir"))


BAD_AUTHORIZATIONS = {
    "empty": ("", 401, "missing_token"),
    "without a scheme": (f"{MARK}.b.c", 401, "missing_token"),
    "of another scheme": (f"Basic {MARK}", 401, "missing_token"),
    "a scheme alone": ("Bearer", 400, "invalid_request"),
    "garbage": (f"Bearer {MARK}", 401, "invalid_token"),
    "not ASCII": ("Bearer \xe9.\xe9.\xe9", 401, "invalid_token"),
    "of 1 MB": ("Bearer " + "x" * 1_000_000, 401, "invalid_token"),
    "of 1 MB with dots": ("Bearer " + "x." * 500_000, 401, "invalid_token"),
}


@pytest.mark.parametrize(("value", "status", "code"), BAD_AUTHORIZATIONS.values(), ids=BAD_AUTHORIZATIONS)
@pytest.mark.parametrize("path", ["/auth/me", "/protected"])
def test_a_bad_authorization_header_is_refused_without_echo(client, desk, path, value, status, code):
    before = desk.rows()
    answer = client.get(path, headers={"Authorization": value})
    assert is_refused(answer, status, code)
    assert MARK not in answer.get_data(as_text=True) + str(answer.headers)
    assert desk.rows() == before


def test_two_authorization_headers_are_a_bad_request(client, tokens):
    good = f"Bearer {tokens['access_token']}"
    for pair in ([good, good], [good, "Basic YTpi"], ["Basic YTpi", good]):
        answer = client.get("/auth/me", headers=[("Authorization", value) for value in pair])
        assert is_refused(answer, 400, "invalid_request")


def test_a_jwe_is_no_access_token(client, encrypted):
    answer = client.get("/auth/me", headers={"Authorization": f"Bearer {encrypted}"})
    assert is_refused(answer, 401, "invalid_token")


def test_a_lower_case_bearer_is_accepted(client, tokens):
    answer = client.get("/auth/me", headers={"Authorization": f"bearer {tokens['access_token']}"})
    assert answer.status_code == 200


def test_an_expired_and_a_foreign_token_are_told_apart_only_in_words(client, desk, bearer):
    foreign = Issuer("https://issuer.example", Key.generate("EdDSA"), audience="api", typ="at+jwt").issue(
        "7", {"sid": "x"}, lifetime=60
    )
    answer = client.get("/auth/me", headers={"Authorization": f"Bearer {foreign}"})
    assert is_refused(answer, 401, "invalid_token")
    desk.wait(3600)
    expired = client.get("/auth/me", headers=bearer)
    assert is_refused(expired, 401, "invalid_token")
    assert "expired" in expired.headers["WWW-Authenticate"]


# -- the world -----------------------------------------------------------------------------------


def test_a_throttled_login_says_when_to_come_back(client):
    for _ in range(5):
        client.post("/auth/login", json={"username": "alice", "password": "wrong"})
    answer = login(client)
    assert is_refused(answer, 429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_with_every_slot_taken_a_login_is_turned_away(client, desk, monkeypatch):
    slots = desk._hasher._slots.obtain()
    with ExitStack() as stack:
        for _ in range(desk.settings.password_checks):
            stack.enter_context(slots.hold())
        monkeypatch.setattr(hashing_slots, "PATIENCE", 0.01)
        answer = login(client)
    assert is_refused(answer, 503, "overloaded")
    assert answer.headers["Retry-After"] == "1"
    assert login(client).status_code == 200


def test_a_store_that_is_gone_is_unavailable(client, desk, tokens, bearer):
    desk.stores.close()  # the database was in memory
    answers = [
        login(client),
        client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}),
        client.post("/auth/logout", json={"refresh_token": tokens["refresh_token"]}),
        client.post("/auth/logout-all", headers=bearer),
        client.get("/auth/sessions", headers=bearer),
    ]
    for answer in answers:
        assert is_refused(answer, 503, "store_unavailable")
        assert answer.headers["Retry-After"] == "1"


# -- the protected resource ------------------------------------------------------------------------


def test_every_challenge_names_the_metadata_of_the_resource(desk):
    own = type(desk)(resource="https://api.example/mcp")
    own.accounts.add("alice", PASSWORD, ("read",))
    app = flask.Flask("tested")
    auth = Watchword(app, own)

    @app.get("/reports")
    @auth.protect(scopes=["reports:read"])
    def reports():
        raise AssertionError

    client = app.test_client()
    bearer = bearer_of(login(client).get_json())
    for answer, status in [
        (client.get("/reports"), 401),
        (client.get("/auth/me"), 401),
        (client.get("/auth/me", headers={"Authorization": "Bearer x"}), 401),
        (client.get("/reports", headers=bearer), 403),
    ]:
        assert answer.status_code == status
        url = "https://api.example/.well-known/oauth-protected-resource/mcp"
        assert answer.headers["WWW-Authenticate"].endswith(f'resource_metadata="{url}"')
    metadata = client.get("/.well-known/oauth-protected-resource/mcp").get_json()
    assert (metadata["resource"], metadata["authorization_servers"]) == (
        "https://api.example/mcp",
        ["https://issuer.example"],
    )
    own.close()


# -- OAuth clients ---------------------------------------------------------------------------------


def read_values():
    """A hook as applications have it, which reads a parameter of the query or of a form."""
    flask.g.language = flask.request.values.get("language")


def test_a_form_that_a_hook_of_the_application_has_parsed_is_read_all_the_same(app, client, desk):
    app.before_request(read_values)
    refresh_token = desk.start("7").refresh_token
    form = {"grant_type": "refresh_token", "client_id": "watchword", "refresh_token": refresh_token}
    assert is_refused(client.post("/auth/token", data={**form, "scope": ["a", "b"]}), 400, "invalid_request")
    answer = client.post("/auth/token", data=form)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    revoked = client.post("/auth/revoke", data={"token": answer.get_json()["access_token"]})
    assert (revoked.status_code, revoked.data) == (200, b"")
    assert client.get("/auth/me", headers=bearer_of(answer.get_json())).status_code == 401


def test_a_form_that_a_hook_has_parsed_is_bounded(app, client):
    app.before_request(read_values)
    assert is_refused(client.post("/auth/token", data={"a": "b" * 20_000}), 413, "body_too_large")
