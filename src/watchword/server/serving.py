"""Add the first account and run Granian."""

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

# Granian answers 431 to more bytes of headers than this. A token has at most 16 KiB.
_HEADER_BUFFER = 65_536
# A connection is closed after this many seconds without a byte, or if the headers take longer.
_SILENCE = 10
# A worker has this many connections, if the system allows that many open files.
_CONNECTIONS = 8_192
_FEWEST_CONNECTIONS = 128
# A worker has other open files besides its connections, and each thread has its own: SQLite has three.
_OTHER_FILES = 128
_FILES_OF_A_THREAD = 4
# Bodies of requests that may be read at once. For each of them a thread waits, which takes about 80 KiB.
_BODIES = 512
# Once running requests are cut off, the processes have this many seconds left to end.
_EXIT = 2
# The beginnings of names that have a meaning in the environ of a request (PEP 3333)
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
# The signals to stop, and to restart the workers
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def _is_relevant(record: logging.LogRecord) -> bool:
    """Return whether to log a record. Granian's advice on the number of threads does not apply here."""
    return "Python threads" not in record.getMessage()


class _OneLine(logging.Formatter):
    """Formats a record as a single line of ASCII. A path may hold a line break and a forged event."""

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
    """Add the account ``admin`` to a store without accounts.

    Args:
        auth: the Auth of that store.
        password: the password of the account. By default a random password.

    Returns:
        The password if the account was added, to be shown once. ``None`` if the store has accounts.

    Raises:
        PasswordRejected: the password is too short or too long.
    """
    if auth.accounts.list_all():
        return None
    password = password or secrets.token_urlsafe(15)
    try:
        auth.accounts.add("admin", password)
    except UsernameTaken:
        return None  # Another process that started at the same time has added the account.
    return password


def serve(settings: Settings, host: str, port: int, *, workers: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT. Running requests are finished before the end.

    Each worker is a separate process that receives the settings, so no secret stays in the environment.

    Args:
        settings: the settings of the application.
        host: the address to listen on.
        port: the port to listen on.
        workers: the number of processes.
        threads: the number of requests that each process works on at once.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # All threads and workers inherit the mask.
    server = Server(
        "watchword",
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        # Over HTTP/2 a silent connection is never closed, and headers may have 16 MiB.
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
    """Let a stop end with status 0 if its signal came to all processes and a worker stopped first.

    Granian would take that worker for failed.
    """
    if server.interrupt_signal:
        server.interrupt_children.clear()


def _allow_connections(threads: int) -> int:
    """Raise the limit of open files as far as needed. Return the number of connections for a worker."""
    others = _OTHER_FILES + _FILES_OF_A_THREAD * threads
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _CONNECTIONS + others
    if most != resource.RLIM_INFINITY:
        allowed = min(allowed, most)
    if limit != resource.RLIM_INFINITY and limit < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        except (OSError, ValueError):
            allowed = limit  # macOS has a bound below the hard limit that it reports.
    return max(_FEWEST_CONNECTIONS, allowed - others)


def _make_application(settings: Settings, threads: int, counts: Path | None) -> WSGIApplication:
    """Make the application that a worker serves."""
    signal.signal(signal.SIGTERM, _on_stop_before_start)
    _start_thread(_deliver_stop)
    app = BodyFirst(
        create_app(settings, counts=counts), max_body=settings.max_body, threads=threads, bodies=_BODIES
    )
    return _hide_environment(app)


def _hide_environment(app: WSGIApplication) -> WSGIApplication:
    """Remove this process's environment from each request. Granian copies it into the environ."""
    for name in [name for name in os.environ if name.startswith(_OF_A_REQUEST)]:
        del os.environ[name]  # A request without that header would seem to have it.
    names = tuple(os.environ)

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in names:
            environ.pop(name, None)
        return app(environ, start_response)

    return call


# Python runs a signal handler in the main thread, between two bytecodes. A signal that arrives just before
# the main thread begins to wait is not handled in time. A signal in the middle of Event.wait() deadlocks with
# Event.set(). A signal during the fork of a worker is handled there with the state of the parent. So signals
# are blocked, which keeps them pending until a thread that does nothing else delivers them.


def _start_thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, name="watchword-signals", daemon=True).start()


def _deliver_signals() -> None:
    while True:
        _deliver(signal.sigwait(_SIGNALS))


def _deliver_stop() -> None:
    """Deliver SIGTERM to a worker a single time: a second signal makes Granian's worker hang.

    A terminal sends SIGINT to all processes. The main process handles it and stops its workers.
    """
    _deliver(signal.sigwait({signal.SIGTERM}))


def _deliver(number: int) -> None:
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)


def _on_stop_before_start(*_: object) -> None:
    """Exit at once. Granian has not set its own handler yet, so no request has to be finished."""
    os._exit(0)
