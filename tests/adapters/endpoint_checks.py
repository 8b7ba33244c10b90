"""What holds for every endpoint, whatever serves it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from watchword_servers import ServerProcess

from watchword import Settings
from watchword.web.endpoints import Endpoints

__all__ = ["check_answer", "check_methods", "check_similar_paths", "list_calls"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def list_calls(prefix: str) -> Sequence[tuple[str, str]]:
    """List each method and path of the endpoints."""
    routes = Endpoints(_open_nothing, Settings(prefix=prefix)).routes
    return [
        (method, route.path.replace("{session_id}", "unknown"))
        for route in routes
        for method in route.methods
    ]


def check_answer(server: ServerProcess, method: str, path: str) -> None:
    """Assert that an endpoint answers a request without a body and without a token."""
    answer = server.request(method, path)
    assert answer.status in {200, 400, 401, 415}, answer.body
    if answer.status != 200 and method != "HEAD":
        assert answer.headers.get_content_type() == "application/json"
        assert set(answer.json) == {"error", "error_description"}
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)


def check_methods(server: ServerProcess, path: str, methods: Collection[str]) -> None:
    """Assert that a path has no other methods than these."""
    for method in METHODS:
        if method not in methods:
            assert server.request(method, path).status == 405


def check_similar_paths(server: ServerProcess, method: str, path: str) -> None:
    """Assert that a path which is almost the path of an endpoint is unknown, and that nothing redirects."""
    start, _, end = path.rpartition("/")
    for similar in (f"{path}/", f"{start}//{end}", f"/{path}", path.upper()):
        answer = server.request(method, similar)
        # 405: another route has a part of the path as its parameter.
        assert answer.status in {404, 405}, similar
        assert "Location" not in answer.headers


def _open_nothing() -> Any:
    raise AssertionError("the table of routes opens no store")
