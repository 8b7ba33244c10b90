"""The API that verifies the tokens of another login, which the test plays."""

import json

import pytest

from watchword import Issuer, Key, KeySet

LOGIN = "https://login.example"
REPORTS = "https://reports.example"
KEY = Key.generate("ES256")


@pytest.fixture
def client(load, monkeypatch, tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps(KeySet([KEY.public()]).to_jwks()))
    monkeypatch.setenv("JWKS_FILE", "keys.json")
    return load("verify_only_flask").app.test_client()


def access_token(scope="reports:read", *, issuer=LOGIN, audience=REPORTS, typ="at+jwt", key=KEY) -> str:
    claims = {"scope": scope, "preferred_username": "alice"}
    return Issuer(issuer, key, audience=audience, typ=typ).issue("user-1", claims)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_of_the_other_login_opens_the_reports(client):
    answer = client.get("/reports", headers=bearer(access_token()))
    assert (answer.status_code, answer.json) == (200, {"reports": ["tea", "coffee"]})


@pytest.mark.parametrize(
    "differing",
    [
        {"issuer": "https://else.example"},
        {"audience": "https://mail.example"},
        {"typ": "JWT"},
        {"key": Key.generate("ES256")},
    ],
    ids=["issuer", "audience", "kind of token", "key"],
)
def test_any_other_token_is_refused(client, differing):
    answer = client.get("/reports", headers=bearer(access_token(**differing)))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_what_the_scope_does_not_grant_is_forbidden(client):
    answer = client.delete("/reports", headers=bearer(access_token()))
    assert answer.status_code == 403
    assert 'scope="reports:read reports:write"' in answer.headers["WWW-Authenticate"]
    assert (
        client.delete("/reports", headers=bearer(access_token("reports:read reports:write"))).status_code
        == 204
    )


def test_it_has_no_login(client):
    assert client.post("/auth/login", json={"username": "alice", "password": "a guess"}).status_code == 404
