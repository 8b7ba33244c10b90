"""From nothing to a running server: the first account, then Granian."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable
from functools import partial

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

from watchword.auth import Auth
from watchword.errors import UsernameTaken
from watchword.server.app import create_app
from watchword.server.bodies import BodyFirst
from watchword.settings import Settings

__all__ = ["first_account", "serve"]

# Header bytes that Granian reads before it answers 431; a token is at most 16 KiB
_HEADER_BUFFER = 65_536
# Request bodies that may be on their way at once, each with a thread that waits for it (some 80 KiB)
_BODIES = 256
# Seconds that a running request has to finish in once the server is told to stop
_STOP_TIMEOUT = 30
# To stop, and to start the workers anew
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def _is_news(record: logging.LogRecord) -> bool:
    """All but Granian's advice on the number of threads: ours wait for argon2 and the disk."""
    return "Python threads" not in record.getMessage()


class _OneLine(logging.Formatter):
    """One line of ASCII, whatever is in it: a path may hold a line break and what looks like an event."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).encode("unicode_escape").decode("ascii")


_LOGGING = {
    "filters": {"news": {"()": lambda: _is_news}},
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


def first_account(auth: Auth, password: str | None) -> str | None:
    """Make the account ``admin`` in a store that has no account yet.

    Args:
        auth: the front desk of that store.
        password: its password; a random one by default.

    Returns:
        The password if an account was made, to be shown once; ``None`` if there was nothing to do.

    Raises:
        PasswordRejected: the password is too short or too long.
    """
    if auth.accounts.all():
        return None
    password = password or secrets.token_urlsafe(15)
    try:
        auth.accounts.add("admin", password)
    except UsernameTaken:
        return None  # another process that started at the same time was first
    return password


def serve(host: str, port: int, *, workers: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT; running requests are finished first.

    Each worker is a process of its own that reads the settings from the environment.

    Args:
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
        workers=workers,
        blocking_threads=threads + _BODIES,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_TIMEOUT,
        websockets=False,
        http1_settings=HTTP1Settings(max_buffer_size=_HEADER_BUFFER),
        log_access=True,
        log_dictconfig=_LOGGING,
    )
    server.on_startup(partial(_in_a_thread, _hand_on_signals))
    server.serve(target_loader=partial(_application, threads), wrap_loader=False)


def _application(threads: int) -> BodyFirst:
    """What each worker serves."""
    signal.signal(signal.SIGTERM, _stop_while_starting)
    _in_a_thread(_hand_on_stop)
    settings = Settings.from_environment(os.environ)
    return BodyFirst(create_app(settings), max_body=settings.max_body, threads=threads, bodies=_BODIES)


# Python runs a handler in the main thread, between two steps of it. A signal that comes just before the
# main thread begins to wait is not seen then, one that comes in the middle of Event.wait() deadlocks with
# Event.set(), and one that comes while a worker is forked is handled there by what it has of its parent.
# So signals are blocked, which keeps them until a thread that does nothing else hands them on.


def _in_a_thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, name="watchword-signals", daemon=True).start()


def _hand_on_signals() -> None:
    while True:
        _hand_on(signal.sigwait(_SIGNALS))


def _hand_on_stop() -> None:
    """A worker is told to stop by SIGTERM, once: a second request makes Granian's worker hang.

    A terminal sends SIGINT to all processes; it is for the main process, which then stops its workers.
    """
    _hand_on(signal.sigwait({signal.SIGTERM}))


def _hand_on(number: int) -> None:
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)


def _stop_while_starting(*_: object) -> None:
    """Until Granian's own handler is there: no request runs that would have to be finished."""
    os._exit(0)
