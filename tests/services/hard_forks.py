"""Fork as uWSGI does: without the fork hooks that Python code has registered."""

from __future__ import annotations

import json
import os
import select
import signal
import traceback
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["answer_of_child", "hard_fork"]

PATIENCE = 30.0

_muted = False
_register = os.register_at_fork


def _register_mutable(**hooks: Callable[[], object]) -> None:
    """Register hooks that :func:`hard_fork` leaves out; this module is imported before the package is."""
    _register(**{moment: _mutable(hook) for moment, hook in hooks.items()})


def _mutable(hook: Callable[[], object]) -> Callable[[], object]:
    @wraps(hook)
    def call() -> None:
        if not _muted:
            hook()

    return call


os.register_at_fork = _register_mutable  # type: ignore[assignment]


def hard_fork() -> int:
    """Fork; the child's process id, and 0 in the child.

    The interpreter still prepares itself and the standard library. Without that (``libc.fork`` by ctypes) a
    child hangs now and then, namely if a thread of its parent was waiting for the interpreter's lock.
    """
    global _muted  # noqa: PLW0603 -- both processes have to see it
    _muted = True
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads, in Python 3.12
        child = os.fork()
    _muted = False
    return child


def answer_of_child(work: Callable[[], Any], fork: Callable[[], int] = hard_fork) -> Any:
    """Fork, run the work in the child, and return what it returned (as JSON).

    Raises:
        AssertionError: the work failed in the child, or took too long.
    """
    inlet, outlet = os.pipe()
    child = fork()
    if child == 0:
        _answer(work, outlet)
    os.close(outlet)
    with os.fdopen(inlet) as answers:
        if not select.select([answers], [], [], PATIENCE)[0]:
            os.kill(child, signal.SIGABRT)
        text = answers.read()
    _, status = os.waitpid(child, 0)
    assert text, f"the child hung or died: status {status}"
    answer = json.loads(text)
    assert "failure" not in answer, answer["failure"]
    return answer["returned"]


def _answer(work: Callable[[], Any], outlet: int) -> None:
    try:
        answer = {"returned": work()}
    except BaseException:  # noqa: BLE001 -- the parent is told of it
        answer = {"failure": traceback.format_exc()}
    os.write(outlet, json.dumps(answer).encode())
    os._exit(0)
