"""The application of an adapter as a real process, and a client of it."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapter_table import APPLICATIONS, Adapter
from applications.contract import LEGACY_ISSUER, PASSWORD
from watchword_servers import Answer, ServerProcess, clean_environment, free_port, until

from watchword import Issuer, Key

__all__ = ["Application", "run_python", "serve", "sign_legacy"]

LEGACY_KEY = "legacy" * 8
WORKERS = 2
_PATIENCE_AT_THE_START = 60  # a process that imports a framework, on a machine that does much else


class Application(ServerProcess):
    """An adapter's application, served by two workers.

    Args:
        adapter: the adapter.
        folder: holds the database.
        environment: what the application has beside the settings of all.
    """

    def __init__(self, adapter: Adapter, folder: Path, **environment: str) -> None:
        port = free_port()
        self.adapter = adapter
        super().__init__(
            folder, adapter.to_command(port), surroundings(folder) | environment, port, probe="/open"
        )

    def login(self, username: str, prefix: str = "/auth") -> dict[str, Any]:
        answer = self.request("POST", f"{prefix}/login", {"username": username, "password": PASSWORD})
        assert answer.status == 200, answer.body
        tokens: dict[str, Any] = answer.json
        return tokens

    def read(self, path: str, *, token: str | None = None, **options: Any) -> Any:
        """The JSON of a page that opens."""
        answer = self.request("GET", path, token=token, **options)
        assert answer.status == 200, answer.body
        return answer.json

    def check_refusal(self, answer: Answer, status: int, code: str | None) -> None:
        """Assert that the guard has refused, with this code in the challenge, or with no code."""
        assert answer.status == status, answer.body
        expected = "Bearer" if code is None else f'Bearer error="{code}"'
        (challenge,) = answer.headers.get_all("WWW-Authenticate")
        assert challenge.startswith(expected)
        assert ("error=" in challenge) == (code is not None)
        self.adapter.check_code(answer.body, code or "missing_token")

    @contextlib.contextmanager
    def connect_to_each_worker(self) -> Iterator[list[http.client.HTTPConnection]]:
        """An open connection to each of the workers."""
        with contextlib.ExitStack() as stack:
            connections: dict[str, http.client.HTTPConnection] = {}

            def has_all() -> bool:
                connection = stack.enter_context(contextlib.closing(self.http_connection()))
                worker = self.request("GET", "/open", over=connection).headers["Worker"]
                connections.setdefault(worker, connection)
                return len(connections) == WORKERS

            until(has_all, "each worker has answered")
            yield list(connections.values())


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of every application."""
    return {
        "HOME": str(folder),
        "LEGACY_KEY": LEGACY_KEY,
        "PYTHONPATH": str(APPLICATIONS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WATCHWORD_DATABASE_URL": f"sqlite:///{folder}/watchword.db",
        "WATCHWORD_ISSUER": "https://login.example",
        "WATCHWORD_SECRET": "s" * 40,
    }


def run_python(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Python with the environment of an application; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=clean_environment(surroundings(folder) | environment),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_AT_THE_START,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def serve(adapter: Adapter, folder: Path, **environment: str) -> Iterator[Application]:
    application = Application(adapter, folder, **environment)
    try:
        until(application.is_serving, "the application serves", within=_PATIENCE_AT_THE_START)
        with application.connect_to_each_worker():  # A worker that still starts may miss the signal to stop.
            pass
        yield application
    finally:
        application.stop()


def sign_legacy(subject: str, **claims: Any) -> str:
    """Return a token of the old system, which the extension accepts by ``also=``."""
    key = Key.from_secret(LEGACY_KEY, alg="HS256")
    return Issuer(LEGACY_ISSUER, key).issue(subject, claims)
