"""What tests of several rooms share: patience, a terminal's signals, an identity provider on loopback."""

from __future__ import annotations

import json
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import hard_forks  # noqa: F401 -- first, so that it can leave out the package's fork hooks
import pytest
from hypothesis import HealthCheck, settings

from watchword import Issuer, Key

pytest_plugins = ["postgres_servers", "processes", "redis_servers", "system_parts"]

Answer = Callable[[BaseHTTPRequestHandler], None]

# How long an example takes says more of the machine, and of what else it does, than of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure() -> None:
    """Started in the background, we would ignore Ctrl-C, and so would every process that we press it for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Rooms whose tests take their time, and the fixtures that start a database server.
SLOW_ROOMS = {
    "adapters",
    "bench",
    "cli",
    "docs",
    "examples",
    "faults",
    "fuzz",
    "interop",
    "system",
    "vectors",
}
DATABASE_SERVERS = {"mortal_postgres", "postgres", "redis_executable"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `make quick` leaves out."""
    for item in items:
        room = item.path.relative_to(item.config.rootpath / "tests").parts[0]
        if room in SLOW_ROOMS or not DATABASE_SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


class Provider:
    """A real HTTP server, whose answers a test decides.

    Attributes:
        url: of the server, and the issuer of its tokens.
        answers: what to do for each path; a 404 for any other.
        requests: the paths asked for, in their order.
        heard: the headers of the last request.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.heard: Any = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - "self" is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.requests.append(self.path)
                provider.heard = self.headers
                with suppress(OSError):  # the client has hung up
                    provider.answers.get(self.path, status(404))(self)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    def publish(self, *keys: Key, **headers: str) -> None:
        """Serve the metadata of an issuer and these keys."""
        self.serve("/.well-known/openid-configuration", {"issuer": self.url, "jwks_uri": self.jwks_url})
        self.serve("/jwks", {"keys": [key.to_jwk() for key in keys]}, **headers)

    def serve(self, path: str, value: object, **headers: str) -> None:
        """Serve some JSON."""
        self.answers[path] = body(json.dumps(value).encode(), **headers)

    def fail(self, code: int = 500) -> None:
        """Answer like this, whatever is asked for."""
        self.answers = dict.fromkeys(self.answers, status(code))

    def issue(self, key: Key, subject: str = "user-1", **claims: Any) -> str:
        """A token for the audience ``api``."""
        return Issuer(self.url, key, audience="api", lifetime=3_600).issue(subject, claims)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def body(content: bytes, content_type: str = "application/json", **headers: str) -> Answer:
    """Answers with some bytes; headers are named with underscores."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code: int, **headers: str) -> Answer:
    """Answers without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


@pytest.fixture
def provider() -> Iterator[Provider]:
    serving = Provider()
    yield serving
    serving.close()


@pytest.fixture
def start_provider() -> Iterator[Callable[..., Provider]]:
    """Starts providers beyond the first."""
    started: list[Provider] = []

    def start(tls: ssl.SSLContext | None = None) -> Provider:
        started.append(Provider(tls))
        return started[-1]

    yield start
    for serving in started:
        serving.close()


@pytest.fixture(scope="session")
def answering() -> dict[str, Callable[..., Answer]]:
    """The ways to answer, by name."""
    return {"body": body, "status": status}
