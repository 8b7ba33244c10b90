"""Errors: our JSON with our handler, ``detail`` without it, the application's own handlers before both."""

from __future__ import annotations

import fastapi
import pytest
import starlette.exceptions
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from watchword.errors import (
    InvalidSettings,
    InvalidToken,
    StoreUnavailable,
    UsernameTaken,
    WatchwordError,
)
from watchword.web.fastapi import RefusedOperation, Watchword


@pytest.fixture(params=["before", "after", "without"])
def add_handler(request, app, desk):
    """Adds a handler before or after the extension, or without our handlers."""

    def add_handler(key, handler):
        if request.param != "after":
            app.add_exception_handler(key, handler)
        auth = Watchword(app if request.param != "without" else None, desk)
        app.include_router(auth.router) if request.param == "without" else None
        if request.param == "after":
            app.add_exception_handler(key, handler)
        app.get("/", dependencies=[Depends(auth.identity)])(lambda: None)
        return TestClient(app)

    return add_handler


async def answer_ours(request, error):
    return JSONResponse({"own": error.code}, 418)


def answer_http(request, error):
    assert isinstance(error, RefusedOperation)
    return JSONResponse({"own": error.error.code, "detail": error.detail}, 418, error.headers)


@pytest.mark.parametrize("key", [WatchwordError, InvalidToken])
def test_a_handler_for_our_errors_wins(add_handler, key):
    client = add_handler(key, answer_ours)
    for path in "/", "/auth/me":
        assert (client.get(path).status_code, client.get(path).json()) == (418, {"own": "missing_token"})


@pytest.mark.parametrize("key", [401, fastapi.HTTPException, starlette.exceptions.HTTPException])
def test_a_handler_for_http_errors_wins_and_gets_detail_and_headers(add_handler, key):
    client = add_handler(key, answer_http)
    for path in "/", "/auth/me":
        answer = client.get(path)
        assert (answer.status_code, answer.json()["own"]) == (418, "missing_token")
        assert answer.json()["detail"]["error"] == "missing_token"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_without_our_handler_ours_is_the_detail(desk):
    auth, app = Watchword(auth=desk), FastAPI()
    app.get("/", dependencies=[Depends(auth.identity)])(lambda: None)
    answer = TestClient(app).get("/")
    assert answer.status_code == 401
    assert answer.json() == {
        "detail": {"error": "missing_token", "error_description": "a bearer token is needed"}
    }
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


def test_an_error_of_ours_in_an_operation_gets_our_response(app, auth, client):
    @app.get("/taken")
    async def take():
        raise UsernameTaken

    answer = client.get("/taken")
    assert (answer.status_code, answer.json()["error"]) == (409, "username_taken")


def test_a_store_that_is_away_is_a_503(app, auth, client, desk, monkeypatch, bearer_of):
    headers = bearer_of()

    def fail(*_):
        raise StoreUnavailable

    monkeypatch.setattr(desk, "authenticate", fail)
    app.get("/", dependencies=[Depends(auth.identity)])(lambda: None)
    answer = client.get("/", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("error", [InvalidSettings("wrong"), ZeroDivisionError("other")])
def test_a_mistake_of_the_application_stays_a_500_with_a_traceback(app, auth, error):
    @app.get("/")
    async def fail():
        raise error

    with pytest.raises(type(error)):
        TestClient(app).get("/")
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
