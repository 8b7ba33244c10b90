"""Watchword's FastAPI extension: a whole Auth on an SQLite file, the routes beside each other in one app."""

from __future__ import annotations

import functools
import logging
import tempfile
from typing import Annotated

from fastapi import Depends, FastAPI, Security
from starlette.responses import JSONResponse

import specimen
from asgi import request
from cases import Case
from watchword import Identity, Settings
from watchword.web.fastapi import Watchword

logging.getLogger("watchword").setLevel(logging.ERROR)  # security events would mix with the figures
_directory = tempfile.TemporaryDirectory()
app = FastAPI()
auth = Watchword(
    app,
    settings=Settings(
        database_url=f"sqlite:///{_directory.name}/app.db",
        issuer=specimen.ISSUER,
        audience=specimen.AUDIENCE,
    ),
)


def bare() -> Case:
    return _request("/bare")


def protected() -> Case:
    return _request("/protected")


async def find_name() -> str:
    return "alice"


@app.get("/bare")
async def greet(name: Annotated[str, Depends(find_name)]) -> JSONResponse:
    return JSONResponse({"message": f"Hello, {name}!"})


@app.get("/protected")
async def greet_user(identity: Annotated[Identity, Security(auth.identity)]) -> JSONResponse:
    return JSONResponse({"message": f"Hello, {identity.username}!"})


@functools.cache
def _access_token() -> str:
    for number in range(20):  # the set of ended sessions is never empty where people log out
        auth.core.end(auth.core.start(f"gone-{number}").session_id)
    return auth.core.start(specimen.SUBJECT, ("read", "write"), username="alice").access_token


def _request(path: str) -> Case:
    return request(app, path, _access_token())
