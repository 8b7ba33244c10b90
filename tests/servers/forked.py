"""Fork as uWSGI does: in C, so that none of Python's fork hooks run in the child."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["answer_of_child", "hard_fork"]

PATIENCE = 30.0

# PyDLL keeps the interpreter's lock during the call, as a server does that forks between two requests.
_libc = ctypes.PyDLL(None)


def hard_fork() -> int:
    """Fork without Python's knowledge; the child's process id, and 0 in the child."""
    return _libc.fork()


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
