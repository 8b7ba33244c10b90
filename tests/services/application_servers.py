"""Other people's servers, real, with a Flask application of ours, which uses the store before they fork."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from watchword_servers import PATIENCE, clean_environment, free_port, until

__all__ = ["SERVERS", "WORKERS", "Answer", "ApplicationServer", "serving"]

APPLICATION = """
import os

from flask import Flask

from watchword import Subject
from watchword.web.flask import Watchword

app = Flask(__name__)
app.config["WATCHWORD_SECRET"] = "s" * 40
auth = Watchword(app, check_password=lambda username, password: Subject(username, username=username))
with app.app_context():  # in the master: connections, locks and the polling thread are there before the fork
    auth.desk.authenticate(auth.desk.start("service").access_token)


@app.get("/worker")
@auth.protect()
def worker():
    return ""


@app.after_request
def name_the_worker(response):
    response.headers["Worker"] = str(os.getpid())
    return response
"""

WORKERS = 3
_N = str(WORKERS)

_UWSGI = ("uwsgi", "--master", "--processes", _N, "--wsgi-file", "application.py", "--callable", "app",
          "--need-app", "--die-on-term", "--virtualenv", sys.prefix, "--listen", "100",
          "--http-socket", "127.0.0.1:{port}")  # fmt: skip
_GUNICORN = (
    "gunicorn",
    "application:app",
    "--bind",
    "127.0.0.1:{port}",
    "--workers",
    str(WORKERS),
    "--preload",
)

SERVERS = {
    "uwsgi": _UWSGI,
    "uwsgi-enable-threads": (*_UWSGI, "--enable-threads"),
    "uwsgi-threads": (*_UWSGI, "--threads", "2"),
    "gunicorn-preload": _GUNICORN,
    "gunicorn-preload-gthread": (*_GUNICORN, "--worker-class", "gthread", "--threads", "4"),
    "gunicorn-preload-gevent": (*_GUNICORN, "--worker-class", "gevent"),
    "granian": (
        "granian",
        "--interface",
        "wsgi",
        "--workers",
        str(WORKERS),
        "--port",
        "{port}",
        "application:app",
    ),
}


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: the status.
        body: what was in the JSON.
        worker: the process that answered.
    """

    status: int
    body: dict[str, Any]
    worker: str


class ApplicationServer:
    """A server with :data:`APPLICATION`, in a directory of its own.

    Attributes:
        workers: the processes that have answered.
    """

    def __init__(self, directory: Path, command: tuple[str, ...], environment: dict[str, str]) -> None:
        (directory / "application.py").write_text(APPLICATION)
        self.port = free_port()
        self.workers = set[str]()
        self._log = directory / "server.log"
        program, *arguments = (part.format(port=self.port) for part in command)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name(program), *arguments],
                cwd=directory,
                env=clean_environment({"HOME": str(directory), **environment}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def is_serving(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            return self.request("GET", "/worker").status == 401
        except OSError:
            return False

    def request(
        self, method: str, path: str, body: dict[str, str] | None = None, *, token: str | None = None
    ) -> Answer:
        """One request on a connection of its own.

        Once more if the server hangs up: Gunicorn's threads do so now and then. What a test has to see to is
        that no worker died then: :attr:`workers` are as many as were started.
        """
        try:
            answer = self._request(method, path, body, token)
        except http.client.RemoteDisconnected:
            answer = self._request(method, path, body, token)
        self.workers |= {answer.worker} - {""}
        return answer

    def _request(self, method: str, path: str, body: dict[str, str] | None, token: str | None) -> Answer:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            text = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        parsed = json.loads(text) if is_json else {}
        return Answer(response.status, parsed, response.headers.get("Worker", ""))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)


@contextmanager
def serving(directory: Path, name: str, environment: dict[str, str]) -> Iterator[ApplicationServer]:
    """The server of that name, from when it answers until it has stopped."""
    server = ApplicationServer(directory, SERVERS[name], environment)
    try:
        until(server.is_serving, "the server answers")
        yield server
    finally:
        server.stop()
