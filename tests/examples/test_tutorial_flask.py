"""The classic tutorial in one process; tests/docs runs it in real processes, as its first lines say."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from watchword import Issuer, Key, inspect_unverified

ALICE = {"username": "alice", "password": "correct horse battery staple"}
SECRET = "a secret for tests, long enough for HS256"


@pytest.fixture
def example(load, monkeypatch):
    monkeypatch.setenv("TUTORIAL_SECRET", SECRET)
    example = load("tutorial_flask")
    example.auth.core.accounts.add(ALICE["username"], ALICE["password"])
    return example


@pytest.fixture
def client(example):
    return example.app.test_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def log_in(client) -> str:
    return client.post("/login", json=ALICE).json["access_token"]


def test_it_has_under_forty_lines(example):
    assert len(Path(example.__file__).read_text().splitlines()) < 40


def test_a_login_opens_the_protected_route(client):
    answer = client.get("/protected", headers=bearer(log_in(client)))
    assert (answer.status_code, answer.json) == (200, {"message": "Hello, alice!"})


@pytest.mark.parametrize("credentials", [{**ALICE, "password": "a guess"}, {**ALICE, "username": "bob"}])
def test_a_login_takes_the_right_password(client, credentials):
    answer = client.post("/login", json=credentials)
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_credentials")


def test_the_user_table_is_in_sqlite_and_holds_no_password(example):
    with closing(sqlite3.connect("instance/tutorial.db")) as database:
        rows = database.execute("SELECT * FROM watchword_accounts").fetchall()
    assert len(rows) == 1
    assert "alice" in rows[0]
    assert ALICE["password"] not in str(rows)


def test_the_token_is_hs256_and_expires_ten_minutes_after_it_was_issued(client):
    token = inspect_unverified(log_in(client))
    assert token.header["alg"] == "HS256"
    assert token.claims["exp"] - token.claims["iat"] == 600


def forged(
    issuer="https://login.example", audience="https://api.example", secret=SECRET, **times: float
) -> str:
    """A token like the tutorial's own, but for what is given."""
    key = Key.from_secret(secret, alg="HS256")
    claims = {
        "client_id": "watchword",
        "sid": "session-1",
        "auth_time": 1_700_000_000,
        "preferred_username": "alice",
    }
    return Issuer(issuer, key, audience=audience, typ="at+jwt").issue("alice", claims, **times)


def test_a_token_for_this_api_is_what_the_others_differ_from(client):
    assert client.get("/protected", headers=bearer(forged())).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        forged(issuer="https://else.example"),
        forged(audience="https://newsletter.example"),
        forged(secret="another secret, long enough for HS256"),
        forged(issued_at=0, lifetime=3600),
        "not.a.token",
    ],
    ids=["issuer", "audience", "key", "expired", "malformed"],
)
def test_a_token_from_elsewhere_is_refused(client, token):
    answer = client.get("/protected", headers=bearer(token))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_a_request_without_a_token_is_told_that_it_needs_one(client):
    answer = client.get("/protected")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_every_worker_takes_the_tokens_of_the_others(client, load):
    other_worker = load("tutorial_flask").app.test_client()
    assert other_worker.get("/protected", headers=bearer(log_in(client))).status_code == 200


def test_a_logout_ends_the_token(client):
    headers = bearer(log_in(client))
    assert client.post("/logout", headers=headers).status_code == 204
    assert client.get("/protected", headers=headers).status_code == 401


def test_without_a_secret_it_does_not_start(load, monkeypatch):
    monkeypatch.delenv("TUTORIAL_SECRET", raising=False)
    with pytest.raises(KeyError, match="TUTORIAL_SECRET"):
        load("tutorial_flask")
