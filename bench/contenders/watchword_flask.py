"""Watchword's Flask extension: a whole Auth on an SQLite file, the routes beside each other in one app."""

from __future__ import annotations

import functools
import logging
import tempfile

import flask

import specimen
from cases import Case
from watchword import Key
from watchword.web.flask import Watchword
from wsgi import request

logging.getLogger("watchword").setLevel(logging.ERROR)  # security events would mix with the figures
_directory = tempfile.TemporaryDirectory()


def bare() -> Case:
    return _request("/bare", "ES256")


def protected_es256() -> Case:
    return _request("/protected", "ES256")


def protected_hs256() -> Case:
    return _request("/protected", "HS256")


def _request(path: str, alg: str) -> Case:
    app, auth = _application(alg)
    with app.app_context():
        tokens = auth.core.start(specimen.SUBJECT, ("read", "write"), username="alice")
    return request(app.wsgi_app, path, tokens.access_token)


@functools.cache
def _application(alg: str) -> tuple[flask.Flask, Watchword]:
    """The application whose access tokens are of that algorithm: the keyring's own, or a fixed key's."""
    app = flask.Flask(__name__)
    app.config.update(
        WATCHWORD_DATABASE_URL=f"sqlite:///{_directory.name}/{alg}.db",
        WATCHWORD_ISSUER=specimen.ISSUER,
        WATCHWORD_AUDIENCE=specimen.AUDIENCE,
    )
    auth = Watchword(app, keys=Key.from_secret(specimen.SECRET, "HS256") if alg == "HS256" else None)

    @app.get("/bare")
    def bare() -> dict[str, str]:
        return {"message": "Hello, alice!"}

    @app.get("/protected")
    @auth.protect()
    def protected() -> dict[str, str]:
        return {"message": f"Hello, {auth.identity.username}!"}

    with app.app_context():
        for number in range(20):  # the set of ended sessions is never empty where people log out
            auth.core.end(auth.core.start(f"gone-{number}").session_id)
    return app, auth
