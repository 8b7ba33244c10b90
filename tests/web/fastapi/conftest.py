"""A real Auth behind a real FastAPI application, and a client of the application."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from watchword.web.fastapi import Watchword


@pytest.fixture
def app() -> FastAPI:
    return FastAPI()


@pytest.fixture
def auth(app, desk) -> Watchword:
    return Watchword(app, desk, load_user=lambda identity: {"7": "the user of 7"}.get(identity.subject))


@pytest.fixture
def client(app, auth) -> TestClient:
    return TestClient(app, client=("203.0.113.9", 4711))


@pytest.fixture
def bearer_of(desk) -> Callable[..., dict[str, str]]:
    """Returns the header of a new session with these scopes."""

    def bearer_of(*scopes: str, subject: str = "7") -> dict[str, str]:
        tokens = desk.start(subject, scopes, username="alice")
        return {"Authorization": f"Bearer {tokens.access_token}"}

    return bearer_of
