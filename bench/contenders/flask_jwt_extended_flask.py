"""Flask-JWT-Extended, set up to check issuer and audience too; it knows of no ended sessions."""

from __future__ import annotations

import functools

import flask
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required

import specimen
from cases import Case
from wsgi import request


def bare() -> Case:
    return _request("/bare")


def protected_hs256() -> Case:
    return _request("/protected")


def _request(path: str) -> Case:
    app = _application()
    with app.app_context():
        return request(app, path, create_access_token("alice"))


@functools.cache
def _application() -> flask.Flask:
    app = flask.Flask(__name__)
    app.config.update(
        JWT_SECRET_KEY=specimen.SECRET,
        JWT_ENCODE_ISSUER=specimen.ISSUER,
        JWT_DECODE_ISSUER=specimen.ISSUER,
        JWT_ENCODE_AUDIENCE=specimen.AUDIENCE,
        JWT_DECODE_AUDIENCE=specimen.AUDIENCE,
    )
    JWTManager(app)

    @app.get("/bare")
    def bare() -> dict[str, str]:
        return {"message": "Hello, alice!"}

    @app.get("/protected")
    @jwt_required()
    def protected() -> dict[str, str]:
        return {"message": f"Hello, {get_jwt_identity()}!"}

    return app
