"""What the tests of this room share: a real front desk behind a real Flask application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask
import msgspec
import pytest
from argon2.profiles import CHEAPEST
from flask.testing import FlaskClient
from sqlalchemy import func, select

from watchword import Auth, Settings
from watchword.accounts import Accounts, PasswordHasher
from watchword.stores.sql import schema
from watchword.web.flask import Watchword

PASSWORD = "correct horse battery"


class Desk(Auth):
    """A front desk with argon2 at its cheapest, polls that come when told, and rows to count."""

    def __init__(self, **settings: Any) -> None:
        given = Settings(issuer="https://issuer.example", audience="api", revocation_interval=29)
        super().__init__("sqlite://", settings=msgspec.structs.replace(given, **settings))
        self._hasher = PasswordHasher(settings=self.settings, parameters=CHEAPEST)
        self.accounts = Accounts(
            self.stores.accounts, settings=self.settings, hasher=self._hasher, sessions=self._sessions
        )

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.stores.backends[0].begin_read() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in schema.metadata.sorted_tables
            }

    def wait(self, seconds: float) -> None:
        """Let the store's time go on, and notice."""
        self.stores.sessions.time_shift += seconds
        self._revocations.poll()


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk()
    opened.accounts.add("alice", PASSWORD, ("read", "write"))
    yield opened
    opened.close()


@pytest.fixture
def extension(desk: Desk) -> Watchword:
    return Watchword(auth=desk)


@pytest.fixture
def app(extension: Watchword) -> flask.Flask:
    app = flask.Flask("tested")
    extension.init_app(app)

    @app.get("/protected")
    @extension.protect()
    def protected():
        return {"message": f"Hello, {extension.identity.username}!"}

    return app


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def tokens(client: FlaskClient) -> dict[str, Any]:
    answer = client.post("/auth/login", json={"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200
    return answer.get_json()


@pytest.fixture
def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}
