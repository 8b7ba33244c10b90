"""Asks whole servers for a guarded route: ``wrk`` on one core, the servers on another.

All servers run the whole time, and only the one that is asked has anything to do. Each gets a second, one
after the other, round after round.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import specimen
from entries import Bar, Entry, Measure
from rounds import PROCESSES, Samples, is_present

__all__ = ["BARS", "MEASURE", "samples", "why_not"]

FLOOR = Entry("floor: bare Starlette route on Granian, no log", "floor_server", "starlette")
WATCHWORD = Entry("watchword serve, with its access log", "watchword_server", "watchword")
FASTAPI = Entry("FastAPI + PyJWT on uvicorn, no log", "fastapi_server", "fastapi")
FLASK = Entry("Flask-JWT-Extended on Granian, no log", "flask_jwt_extended_server", "flask_jwt_extended")
MEASURE = Measure("Guarded route, end to end", (FLOOR, WATCHWORD, FASTAPI, FLASK))
BARS = (
    Bar("Flask-JWT-Extended's server, against watchword serve", (FLASK,), (WATCHWORD,), at_least=4),
    Bar("FastAPI and PyJWT's server, against watchword serve", (FASTAPI,), (WATCHWORD,), at_least=2.5),
    Bar("rate of watchword serve, against a bare route", (FLOOR,), (WATCHWORD,), at_least=0.7),
)

CONNECTIONS = 16
SECONDS = 1  # of a sample
PATIENCE = 20  # seconds for a server to start
HERE = Path(__file__).parent
PASSWORD = "correct horse battery staple"
RATE = re.compile(r"^Requests/sec: +([\d.]+)$", re.MULTILINE)
BAD = re.compile(r"Non-2xx|Socket errors")


def why_not() -> str | None:
    """Why nothing can be measured here, if that is so."""
    if shutil.which("wrk") is None:
        return "wrk is not installed"
    if shutil.which("taskset") is None or len(os.sched_getaffinity(0)) < 2:
        return "the servers and wrk need a core each, and taskset"
    return None


def samples(rounds: int) -> Samples:
    """Seconds a request, one sample a round; none where the server or ``wrk`` is not installed."""
    taken: Samples = {entry: [] for entry in MEASURE.entries}
    if why_not():
        return taken
    present = [entry for entry in taken if is_present(entry.contender)]
    for number in range(PROCESSES):
        share = rounds * (number + 1) // PROCESSES - rounds * number // PROCESSES
        if share:
            with _start(present) as running:
                for _ in range(share):
                    for entry in present:
                        taken[entry].append(_ask(running[entry]))
    return taken


class Running(NamedTuple):
    """A server that answers.

    Attributes:
        url: what it is asked for.
        token: what it wants to see.
    """

    url: str
    token: str


@contextlib.contextmanager
def _start(entries: list[Entry]) -> Iterator[dict[Entry, Running]]:
    with contextlib.ExitStack() as stack:
        running = {entry: stack.enter_context(_serve(entry)) for entry in entries}
        for server in running.values():  # imports, caches and the interpreter's specialization
            _ask(server)
        yield running


@contextlib.contextmanager
def _serve(entry: Entry) -> Iterator[Running]:
    """The server of an entry, in a folder of its own that holds its log."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", _cores()[0], sys.executable, *COMMANDS[entry.case](port)],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": f"{HERE}:{HERE / 'served'}",
                "ADMIN_PASSWORD": PASSWORD,
                "WATCHWORD_ACCESS_LIFETIME": "3600",
                "WATCHWORD_ISSUER": specimen.ISSUER,
            },
            stdout=log,
            stderr=log,
        )
        try:
            _wait(port)
            token = _log_in(port) if entry.case == "watchword" else _make_token()
            yield Running(f"http://127.0.0.1:{port}/protected", token)
        finally:
            process.terminate()
            process.wait()


def _granian(port: int, interface: str, app: str) -> list[str]:
    # On one core the WSGI server is at its quickest with one thread.
    options = ["--interface", interface, "--blocking-threads", "1", "--no-ws"]
    return ["-m", "granian", "--port", str(port), *options, app]


COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "watchword": lambda port: ["-c", "from watchword.cli import run; run()", "serve", "--port", str(port)],
    "starlette": lambda port: _granian(port, "asgi", "starlette_app:app"),
    "flask_jwt_extended": lambda port: _granian(port, "wsgi", "flask_jwt_extended_app:app"),
    "fastapi": lambda port: ["-m", "uvicorn", "--port", str(port), "--no-access-log", "fastapi_app:app"],
}


def _ask(server: Running) -> float:
    """Seconds a request.

    Raises:
        SystemExit: an answer was not a greeting.
    """
    done = subprocess.run(
        [
            *("taskset", "--cpu-list", _cores()[1]),
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s"),
            *("--header", f"Authorization: Bearer {server.token}", server.url),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    if BAD.search(done.stdout):
        raise SystemExit(f"{server.url} did not answer as it should:\n{done.stdout}")
    return 1 / float(RATE.findall(done.stdout)[0])


def _cores() -> list[str]:
    return [str(core) for core in sorted(os.sched_getaffinity(0))]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if time.monotonic() > until:
            raise SystemExit("a server does not start")
        time.sleep(0.05)


def _log_in(port: int) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/auth/login",
        json.dumps({"username": "admin", "password": PASSWORD}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        token: str = json.load(answer)["access_token"]
        return token


def _make_token() -> str:
    """A token that both peers accept."""
    return specimen.token("HS256", {**specimen.claims(), "type": "access", "fresh": False})
