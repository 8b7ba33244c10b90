"""Errors: our JSON, or the application's own handlers, and a traceback for the application's mistakes."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route

from watchword.errors import (
    InvalidSettings,
    InvalidToken,
    MissingToken,
    StoreUnavailable,
    Throttled,
    UsernameTaken,
    WatchwordError,
)
from watchword.web.starlette import RefusedRequest


async def answer_ours(request, error):
    return JSONResponse({"own": error.code}, error.status or 500)


async def answer_status(request, error):
    assert isinstance(error, RefusedRequest)
    return PlainTextResponse(f"own {error.error.code}", error.status_code, error.headers)


@pytest.fixture
def raising(extension):
    """Returns a guarded endpoint that raises an error."""

    def raising(error):
        @extension.protect(optional=True)
        async def endpoint(request):
            raise error

        return endpoint

    return raising


@pytest.mark.parametrize("key", [WatchwordError, InvalidToken, MissingToken])
@pytest.mark.parametrize("middleware", [True, False])
def test_a_handler_for_our_errors_wins(extension, serve, describing, key, middleware):
    client = serve(
        *extension.routes,
        Route("/", extension.protect(describing)),
        exception_handlers={key: answer_ours},
        middleware=[extension.middleware] if middleware else [],
    )
    for path in "/", "/auth/me":
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (401, {"own": "missing_token"})


@pytest.mark.parametrize("key", [401, HTTPException])
def test_a_handler_for_http_errors_wins_and_gets_the_headers(extension, serve, describing, key):
    client = serve(
        *extension.routes,
        Route("/", extension.protect(describing)),
        exception_handlers={key: answer_status},
    )
    for path in "/", "/auth/me":
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (401, "own missing_token")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_handler_for_another_error_leaves_ours_alone(extension, serve, describing):
    client = serve(
        Route("/", extension.protect(describing)),
        exception_handlers={404: answer_status, UsernameTaken: answer_ours},
    )
    assert client.get("/").json()["error"] == "missing_token"


def test_a_handler_of_a_mounted_application_wins_there(extension, serve, describing):
    inner = Starlette(
        routes=[Route("/", extension.protect(describing))], exception_handlers={401: answer_status}
    )
    client = serve(Mount("/inner", inner), Route("/", extension.protect(describing)))
    assert client.get("/inner/").text == "own missing_token"
    assert client.get("/").json()["error"] == "missing_token"


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (UsernameTaken(), 409, None),
        (StoreUnavailable(), 503, "retry-after"),
        (Throttled(retry_after=3), 429, "retry-after"),
    ],
)
def test_an_error_of_ours_in_a_guarded_endpoint_gets_our_response(raising, serve, error, status, name):
    answer = serve(Route("/", raising(error))).get("/")
    assert (answer.status_code, answer.json()["error"]) == (status, error.code)
    assert name is None or answer.headers[name]


@pytest.mark.parametrize("error", [InvalidSettings("wrong"), ZeroDivisionError("other")])
def test_a_mistake_of_the_application_stays_a_500_with_a_traceback(raising, serve, extension, error):
    client = serve(Route("/", raising(error)), middleware=[extension.middleware])
    with pytest.raises(type(error)):
        client.get("/")
    quiet = type(client)(client.app, raise_server_exceptions=False)
    answer = quiet.get("/")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_an_error_after_the_response_has_started_is_not_answered(extension, serve):
    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise UsernameTaken

    class Application:
        __call__ = staticmethod(application)

    client = serve(
        Mount("/", extension.protect(optional=True)(Application())), middleware=[extension.middleware]
    )
    with pytest.raises(UsernameTaken):
        client.get("/")
