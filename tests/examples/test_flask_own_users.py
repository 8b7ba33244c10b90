"""The application with its own users table, its commands included."""

import sqlite3
from contextlib import closing

import pytest

from watchword import Settings

ALICE = {"username": "alice@example.com", "password": "correct horse battery staple"}


@pytest.fixture
def example(load):
    example = load("flask_own_users")
    added = command(example, "add-user", ALICE["username"], "--tenant", "acme", "--role", "editor")
    assert added.exit_code == 0
    return example


@pytest.fixture
def client(example):
    return example.app.test_client()


def command(example, *arguments: str):
    """Runs one of the application's commands; a password is typed twice where one is asked for."""
    return example.app.test_cli_runner().invoke(args=arguments, input=f"{ALICE['password']}\n" * 2)


def log_in(client):
    return client.post("/auth/login", json=ALICE).json


def bearer(tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def execute(statement: str) -> None:
    with closing(sqlite3.connect("app.db")) as connection, connection:
        connection.execute(statement)


def test_a_user_of_the_application_logs_in_and_the_token_says_tenant_and_role(client):
    answer = client.get("/projects", headers=bearer(log_in(client)))
    assert answer.json == {"message": "The projects of acme, as the editor may see them."}


@pytest.mark.parametrize("wrong", [{"password": "a guess"}, {"username": "bob@example.com"}])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(client, wrong):
    answer = client.post("/auth/login", json=ALICE | wrong)
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_credentials")


def test_an_unknown_user_costs_a_hash_too(example, monkeypatch):
    class CountingHasher(type(example.hasher)):
        checked = 0

        def verify(self, password_hash, password):
            type(self).checked += 1
            return super().verify(password_hash, password)

    monkeypatch.setattr(example, "hasher", CountingHasher(settings=Settings()))
    assert example.check_password("bob@example.com", "a guess") is None
    assert CountingHasher.checked == 1


def test_a_change_of_role_is_in_the_token_after_the_next_refresh(client):
    tokens = log_in(client)
    execute("UPDATE users SET role = 'owner'")
    tokens = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json
    assert "owner" in client.get("/projects", headers=bearer(tokens)).json["message"]


def test_a_new_email_is_in_the_token_after_the_next_refresh(example, client):
    tokens = log_in(client)
    execute("UPDATE users SET email = 'alice@example.org'")
    tokens = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json
    assert client.get("/auth/me", headers=bearer(tokens)).json["username"] == "alice@example.org"


def test_a_deactivated_user_is_out_at_once_and_stays_out(example, client):
    tokens = log_in(client)
    assert command(example, "deactivate", ALICE["username"]).exit_code == 0

    assert client.get("/projects", headers=bearer(tokens)).status_code == 401
    refreshed = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (refreshed.status_code, refreshed.json["error"]) == (400, "invalid_grant")
    assert client.post("/auth/login", json=ALICE).status_code == 401


def test_a_user_deactivated_in_the_table_alone_is_out_at_the_next_refresh(client):
    tokens = log_in(client)
    execute("UPDATE users SET active = 0")

    refreshed = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (refreshed.status_code, refreshed.json["error"]) == (400, "invalid_grant")
    assert client.get("/projects", headers=bearer(tokens)).status_code == 401


def test_deactivating_a_user_that_does_not_exist_says_so(example):
    answer = command(example, "deactivate", "bob@example.com")
    assert (answer.exit_code, answer.output) == (1, "Error: there is no such user\n")
