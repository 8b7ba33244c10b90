"""A daemon thread that works for an object in each process, and ends with the object."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from watchword.forks import PerProcess

__all__ = ["BackgroundThread"]

_T = TypeVar("_T")
_R = TypeVar("_R")


class BackgroundThread(Generic[_T]):
    """The daemon thread of an object.

    The thread rests and works in turn. It holds the object only while the object works, and ends at once when
    the object is collected. A forked child has no thread until it calls :meth:`start`, whatever it inherited.

    Args:
        owner: the object. The thread holds it weakly.
        name: the name of the thread.
        plan_rest: called with the owner. Returns a function that waits until there is work, or until the
            event in its argument is set. That function must not hold the owner.
        work: called with the owner after each rest. It must not raise.
    """

    def __init__(
        self,
        owner: _T,
        name: str,
        *,
        plan_rest: Callable[[_T], Callable[[threading.Event], object]],
        work: Callable[[_T], object],
    ) -> None:
        self._owner = weakref.ref(owner)
        self._name = name
        self._plan_rest = plan_rest
        self._work = work
        self._runs = PerProcess(_Run)
        weakref.finalize(owner, _stop, self._runs).atexit = False

    def start(self) -> None:
        """Start the thread unless it runs in this process.

        No lock is held meanwhile, because starting a thread may switch to a greenlet that calls this method.

        Raises:
            RuntimeError: the system has no thread left.
        """
        run = self._runs.obtain()
        try:
            run.permits.pop()
        except IndexError:
            return
        thread = threading.Thread(
            target=_keep_working,
            args=(self._owner, self._plan_rest, self._work, run),
            name=self._name,
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            run.permits.append(None)
            raise
        run.thread = thread

    def is_running(self) -> bool:
        """Return whether the thread runs in this process."""
        run = self._runs.find()
        return run is not None and not run.permits

    def close(self) -> None:
        """End the thread, and wait for its end. It can be started again."""
        run = self._runs.remove()
        if run is None:
            return
        run.stopping.set()
        if run.thread is not None and run.thread is not threading.current_thread():
            run.thread.join()


class _Run:
    """The thread in a single process.

    Attributes:
        permits: holds an entry unless the thread runs. Removing the entry is atomic and waits for no lock.
        stopping: set when the thread has to end.
        thread: the thread that was started last.
    """

    def __init__(self) -> None:
        self.permits: list[None] = [None]
        self.stopping = _StopSignal()
        self.thread: threading.Thread | None = None


class _StopSignal(threading.Event):
    """An event that a destructor may set while the same thread waits for it.

    ``threading.Event`` would take a lock that the thread already holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        return not self._calls.empty()

    def set(self) -> None:
        self._calls.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        try:
            self._calls.get(timeout=timeout)
        except queue.Empty:
            return False
        self._calls.put(None)
        return True


def _keep_working(
    owner: weakref.ref[_T],
    plan_rest: Callable[[_T], Callable[[threading.Event], object]],
    work: Callable[[_T], object],
    run: _Run,
) -> None:
    """Run the thread. No variable holds the owner while the thread rests."""
    try:
        while not run.stopping.is_set():
            rest = _apply(plan_rest, owner)
            if rest is None:
                return
            rest(run.stopping)
            if not run.stopping.is_set():
                _apply(work, owner)
    finally:
        run.permits.append(None)


def _apply(function: Callable[[_T], _R], owner: weakref.ref[_T]) -> _R | None:
    there = owner()
    return None if there is None else function(there)


def _stop(runs: PerProcess[_Run]) -> None:
    run = runs.find()
    if run is not None:
        run.stopping.set()
