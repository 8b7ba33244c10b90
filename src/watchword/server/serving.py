"""From nothing to a running server: the first account, then Granian."""

from __future__ import annotations

import logging
import os
import resource
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

from watchword.auth import Auth
from watchword.errors import UsernameTaken
from watchword.server.app import create_app
from watchword.server.bodies import BodyFirst
from watchword.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["add_first_account", "serve"]

# Header bytes that Granian reads before it answers 431; a token is at most 16 KiB
_HEADER_BUFFER = 65_536
# Seconds without a byte, or for the head of a request, after which a connection is closed
_SILENCE = 10
# Connections of a worker, if the system allows it so many open files
_CONNECTIONS = 8_192
_FEWEST_CONNECTIONS = 128
# Open files of a worker besides its connections, and those of each thread: SQLite has three
_OTHER_FILES = 128
_FILES_OF_A_THREAD = 4
# Request bodies that may be on their way at once, each with a thread that waits for it (some 80 KiB)
_BODIES = 512
# Seconds that are left, once running requests were cut off, for the processes to end
_EXIT = 2
# How names begin that mean something in a request's environ (PEP 3333)
_OF_A_REQUEST = (
    "HTTP_",
    "CONTENT_",
    "GATEWAY_",
    "PATH_INFO",
    "QUERY_",
    "REMOTE_",
    "REQUEST_",
    "SCRIPT_",
    "SERVER_",
)
# To stop, and to start the workers anew
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def _is_relevant(record: logging.LogRecord) -> bool:
    """All but Granian's advice on the number of threads: ours wait for argon2 and the disk."""
    return "Python threads" not in record.getMessage()


class _OneLine(logging.Formatter):
    """One line of ASCII, whatever is in it: a path may hold a line break and what looks like an event."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).encode("unicode_escape").decode("ascii")


_LOGGING = {
    "filters": {"news": {"()": lambda: _is_relevant}},
    "formatters": {
        "line": {"()": _OneLine, "format": "%(message)s"},
        "named": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "security": {"format": "[%(asctime)s] security %(levelname)s %(message)s"},
    },
    "handlers": {
        "line": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stdout"},
        "named": {"class": "logging.StreamHandler", "formatter": "named", "stream": "ext://sys.stderr"},
        "security": {"class": "logging.StreamHandler", "formatter": "security", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "_granian": {"handlers": ["named"], "filters": ["news"], "level": "INFO", "propagate": False},
        "granian.access": {"handlers": ["line"], "level": "INFO", "propagate": False},
        "watchword.security": {"handlers": ["security"], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["named"], "level": "INFO"},
}


def add_first_account(auth: Auth, password: str | None) -> str | None:
    """Make the account ``admin`` in a store that has no account yet.

    Args:
        auth: the front desk of that store.
        password: its password; a random one by default.

    Returns:
        The password if an account was made, to be shown once; ``None`` if there was nothing to do.

    Raises:
        PasswordRejected: the password is too short or too long.
    """
    if auth.accounts.list_all():
        return None
    password = password or secrets.token_urlsafe(15)
    try:
        auth.accounts.add("admin", password)
    except UsernameTaken:
        return None  # another process that started at the same time was first
    return password


def serve(settings: Settings, host: str, port: int, *, workers: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT; running requests are finished first.

    Each worker is a process of its own, which is given the settings: no secret stays in the environment.

    Args:
        settings: how the application behaves.
        host: the address to listen on.
        port: the port to listen on.
        workers: processes.
        threads: requests that each process works on at once.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # here, and so in all threads and workers
    server = Server(
        "watchword",
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        # over HTTP/2 a connection that says nothing is never closed, and headers are bounded at 16 MiB
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_HEADER_BUFFER, header_read_timeout=_SILENCE * 1000),
        websockets=False,
        workers=workers,
        blocking_threads=threads + _BODIES,
        backpressure=_allow_connections(threads),
        respawn_failed_workers=True,
        workers_kill_timeout=settings.stop_timeout - _EXIT,
        log_access=True,
        log_dictconfig=_LOGGING,
    )
    server.on_startup(partial(_start_thread, _deliver_signals))
    server.on_shutdown(partial(_forget_stopped_workers, server))
    counts = Path(tempfile.mkdtemp(prefix="watchword-")) if settings.metrics else None
    try:
        server.serve(target_loader=partial(_make_application, settings, threads, counts), wrap_loader=False)
    finally:
        if counts:
            shutil.rmtree(counts, ignore_errors=True)


def _forget_stopped_workers(server: Any) -> None:
    """Let a stop end with status 0 if its signal came to all processes, and a worker was the quickest.

    Granian takes that worker for failed.
    """
    if server.interrupt_signal:
        server.interrupt_children.clear()


def _allow_connections(threads: int) -> int:
    """Raise the limit of open files as far as needed. Return how many connections a worker may have."""
    others = _OTHER_FILES + _FILES_OF_A_THREAD * threads
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _CONNECTIONS + others
    if most != resource.RLIM_INFINITY:
        allowed = min(allowed, most)
    if limit != resource.RLIM_INFINITY and limit < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        except (OSError, ValueError):
            allowed = limit  # macOS has a bound below the hard limit that it tells
    return max(_FEWEST_CONNECTIONS, allowed - others)


def _make_application(settings: Settings, threads: int, counts: Path | None) -> WSGIApplication:
    """What each worker serves."""
    signal.signal(signal.SIGTERM, _on_stop_before_start)
    _start_thread(_deliver_stop)
    app = BodyFirst(
        create_app(settings, counts=counts), max_body=settings.max_body, threads=threads, bodies=_BODIES
    )
    return _hide_environment(app)


def _hide_environment(app: WSGIApplication) -> WSGIApplication:
    """Hide this process's environment, which Granian copies into the environ of each request."""
    for name in [name for name in os.environ if name.startswith(_OF_A_REQUEST)]:
        del os.environ[name]  # a request without that header would have it
    names = tuple(os.environ)

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in names:
            environ.pop(name, None)
        return app(environ, start_response)

    return call


# Python runs a handler in the main thread, between two steps of it. A signal that comes just before the
# main thread begins to wait is not seen then, one that comes in the middle of Event.wait() deadlocks with
# Event.set(), and one that comes while a worker is forked is handled there by what it has of its parent.
# So signals are blocked, which keeps them until a thread that does nothing else hands them on.


def _start_thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, name="watchword-signals", daemon=True).start()


def _deliver_signals() -> None:
    while True:
        _deliver(signal.sigwait(_SIGNALS))


def _deliver_stop() -> None:
    """A worker is told to stop by SIGTERM, once: a second request makes Granian's worker hang.

    A terminal sends SIGINT to all processes; it is for the main process, which then stops its workers.
    """
    _deliver(signal.sigwait({signal.SIGTERM}))


def _deliver(number: int) -> None:
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)


def _on_stop_before_start(*_: object) -> None:
    """Until Granian's own handler is there: no request runs that would have to be finished."""
    os._exit(0)
