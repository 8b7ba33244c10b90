"""Add the first account and run Granian."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import anyio.to_thread
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server
from starlette.applications import Starlette

from watchword.auth import Auth
from watchword.errors import UsernameTaken
from watchword.server.access_log import AccessLog
from watchword.server.app import create_app
from watchword.settings import Settings

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
# Once running requests are cut off, the processes have this many seconds left to end.
_EXIT = 2
# The descriptor of standard output
_STANDARD_OUTPUT = 1
# The signals to stop, and to restart the workers
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


class _EventHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes security events to standard output, or to standard error if that fails."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is that of logging
        """Write an event to standard error, because the reader of the log is gone or the disk is full."""
        with suppress(OSError):
            print(self.format(record), file=sys.stderr)  # noqa: T201 - this is the log


_LOGGING = {
    "formatters": {
        "named": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "security": {"format": "[%(asctime)s] security %(levelname)s %(message)s"},
    },
    "handlers": {
        "named": {"class": "logging.StreamHandler", "formatter": "named", "stream": "ext://sys.stderr"},
        "security": {"()": _EventHandler, "formatter": "security", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "_granian": {"handlers": ["named"], "level": "INFO", "propagate": False},
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
        threads: the number of requests in each process that may wait for the store or a password hash at
            once.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # All threads and workers inherit the mask.
    server = Server(
        "watchword",
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        # With HTTP/2, a connection that never sends a whole preface would never be closed.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_HEADER_BUFFER, header_read_timeout=_SILENCE * 1000),
        websockets=False,
        workers=workers,
        backpressure=_allow_connections(threads),
        respawn_failed_workers=True,
        workers_kill_timeout=settings.stop_timeout - _EXIT,
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


def _make_application(settings: Settings, threads: int, counts: Path | None) -> Starlette:
    """Make the application that a worker serves."""
    signal.signal(signal.SIGTERM, _on_stop_before_start)
    _start_thread(_deliver_stop)
    loop = asyncio.get_event_loop()  # Granian has made it, and runs it later.
    loop.add_signal_handler = _refuse_signal_handler  # type: ignore[assignment, method-assign]
    loop.run_until_complete(_bound_threads(threads))
    # Where standard output was closed at the start, its descriptor is another file, such as a connection.
    access_log = AccessLog(_STANDARD_OUTPUT) if sys.stdout else None
    return create_app(settings, counts=counts, access_log=access_log)


async def _bound_threads(threads: int) -> None:
    """Bound the threads in which Starlette calls what blocks, and the threads of ``asyncio.to_thread``."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, "watchword"))


def _refuse_signal_handler(*_: object) -> NoReturn:
    """Let Granian use ``signal.signal``, because the loop would not tell what its handler is."""
    raise NotImplementedError


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
