"""What the tests of Django's own users share: users, and a client of the endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from people.backends import WaitingBackend

from watchword.web.django import auth

ISSUER = "https://login.example"
PASSWORD = "correct horse battery staple"
SETTINGS = {"ISSUER": ISSUER, "AUDIENCE": "api", "DATABASE_URL": "sqlite://", "REFRESH_WINDOW": 1}


class Browser:
    """A client that logs in and keeps its tokens."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.tokens: dict[str, Any] = {}

    def post(self, path: str, **body: Any) -> Any:
        return self._client.post(path, body, content_type="application/json")

    def log_in(self, username: str = "alice", password: str = PASSWORD) -> Any:
        answer = self.post("/auth/login", username=username, password=password)
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def refresh(self) -> Any:
        answer = self.post("/auth/refresh", refresh_token=self.tokens["refresh_token"])
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        return self._client.get(path, headers=headers)

    def read_claims(self) -> dict[str, Any]:
        return auth.core.authenticate(self.tokens["access_token"]).claims

    def is_logged_in(self) -> bool:
        """Return whether the access token is accepted."""
        return self.get("/auth/me").status_code == 200


@pytest.fixture
def serve_users(database: None, serve: Callable[..., Client]) -> Callable[..., Browser]:
    """Serves a project in which Django's users log in, with changed entries of ``WATCHWORD``."""

    def serve_users(*patterns: Any, entries: dict[str, Any] | None = None, **changed: Any) -> Browser:
        return Browser(serve(*patterns, WATCHWORD=SETTINGS | (entries or {}), **changed))

    return serve_users


@pytest.fixture
def browser(serve_users: Callable[..., Browser]) -> Browser:
    return serve_users()


@pytest.fixture
def alice(database: None) -> User:
    return User.objects.create_user("alice", "alice@example.com", PASSWORD)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> type[WaitingBackend]:
    """A backend whose ``after`` the test sets."""
    monkeypatch.setattr(WaitingBackend, "after", WaitingBackend.after)
    return WaitingBackend


@pytest.fixture
def in_browsers(browser: Browser, alice: User) -> list[Browser]:
    """Two browsers in which alice is logged in."""
    browsers = [browser, Browser(browser._client)]
    for each in browsers:
        assert each.log_in().status_code == 200
    return browsers
