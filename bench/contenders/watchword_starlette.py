"""Watchword's Starlette extension: a whole Auth on an SQLite file, and two applications beside each other."""

from __future__ import annotations

import functools
import logging
import tempfile

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import specimen
from asgi import request
from cases import Case
from watchword import Settings
from watchword.web.starlette import Watchword

logging.getLogger("watchword").setLevel(logging.ERROR)  # security events would mix with the figures
_directory = tempfile.TemporaryDirectory()
auth = Watchword(
    settings=Settings(
        database_url=f"sqlite:///{_directory.name}/app.db",
        issuer=specimen.ISSUER,
        audience=specimen.AUDIENCE,
    )
)


def bare() -> Case:
    return _request(Starlette(routes=[Route("/", greet)], middleware=[Middleware(EmptyMiddleware)]))


def protected() -> Case:
    """The guard of the route, and the middleware that sets ``request.user``."""
    return _request(Starlette(routes=[Route("/", greet_user)], middleware=[auth.middleware]))


class EmptyMiddleware:
    """Passes everything on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        await self._app(scope, receive, send)


async def greet(request: Request) -> JSONResponse:  # noqa: ARG001 -- Starlette's signature
    return JSONResponse({"message": "Hello, alice!"})


@auth.protect
async def greet_user(request: Request) -> JSONResponse:
    return JSONResponse({"message": f"Hello, {request.user.username}!"})


@functools.cache
def _access_token() -> str:
    for number in range(20):  # the set of ended sessions is never empty where people log out
        auth.core.end(auth.core.start(f"gone-{number}").session_id)
    return auth.core.start(specimen.SUBJECT, ("read", "write"), username="alice").access_token


def _request(app: Starlette) -> Case:
    return request(app, "/", _access_token())
