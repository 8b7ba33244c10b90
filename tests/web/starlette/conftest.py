"""A real Auth behind a real Starlette application, and a client of the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from watchword.web import current_identity
from watchword.web.starlette import Watchword


@pytest.fixture
def extension(desk) -> Watchword:
    return Watchword(desk)


@pytest.fixture
def serve() -> Callable[..., TestClient]:
    """Returns a client of an application with these routes."""

    def serve(*routes: Any, **options: Any) -> TestClient:
        return TestClient(Starlette(routes=routes, **options), client=("203.0.113.9", 4711))

    return serve


async def describe(request: Request) -> JSONResponse:
    """Answer with what a view learns of its request."""
    user, current = request.user, current_identity()
    return JSONResponse(
        {
            "authenticated": user.is_authenticated,
            "name": user.display_name,
            "identity": user.identity if user.is_authenticated else "",  # Starlette 1.0 has none to show
            "scopes": request.auth.scopes,
            "current": None if current is None else current.subject,
        }
    )


@pytest.fixture
def client(extension, serve) -> TestClient:
    return serve(*extension.routes, Route("/protected", extension.protect(describe)))


@pytest.fixture
def bearer_of(desk) -> Callable[..., dict[str, str]]:
    """Returns the header of a new session with these scopes."""

    def bearer_of(*scopes: str, subject: str = "7") -> dict[str, str]:
        tokens = desk.start(subject, scopes, username="alice")
        return {"Authorization": f"Bearer {tokens.access_token}"}

    return bearer_of


@pytest.fixture
def describing() -> Iterator[Any]:
    return describe
