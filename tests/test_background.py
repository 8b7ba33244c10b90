"""Threads that work for an object: one in each process, none for what is gone."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from hard_forks import answer_of_child

from watchword.background import BackgroundThread

LONG = 60.0


class Owner:
    """Works whenever its thread has waited for that many seconds."""

    def __init__(self, pause: float = LONG) -> None:
        self.worked = threading.Semaphore(0)
        self.thread = BackgroundThread(
            self,
            "test",
            plan_rest=lambda _: lambda stopping: stopping.wait(pause),
            work=lambda owner: owner.worked.release(),
        )

    @property
    def running(self) -> threading.Thread:
        thread = self.thread._runs.obtain().thread
        assert thread is not None
        return thread


def test_it_works_after_each_rest_and_stops_when_closed() -> None:
    owner = Owner(pause=0.001)
    assert not owner.thread.is_running()
    owner.thread.start()
    thread = owner.running
    assert owner.thread.is_running()
    assert all(owner.worked.acquire(timeout=10) for _ in range(3))
    owner.thread.close()
    assert not thread.is_alive()
    assert not owner.thread.is_running()
    owner.thread.close()
    owner.thread.start()
    assert owner.running is not thread
    owner.thread.close()


def test_it_ends_at_once_when_its_object_is_gone() -> None:
    owner = Owner()
    owner.thread.start()
    thread, gone = owner.running, weakref.ref(owner)
    del owner
    gc.collect()
    thread.join(LONG / 2)
    assert gone() is None
    assert not thread.is_alive()


def test_its_object_may_go_in_the_middle_of_its_own_wait() -> None:
    """The collector runs in any thread, and calls destructors in it."""
    signal = Owner().thread._runs.obtain().stopping
    with signal._cond:  # what threading.Event holds then
        signal.set()
    assert signal.is_set()
    assert signal.wait(0)
    assert signal.wait()


def test_of_callers_at_the_same_time_one_starts_it_and_none_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under gevent, starting a thread switches to another request, which may come to the same place."""
    owner, started, start = Owner(), list[threading.Thread](), threading.Thread.start

    def start_after_another_request(thread: threading.Thread) -> None:
        started.append(thread)
        owner.thread.start()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_after_another_request)
    owner.thread.start()
    assert started == [owner.running]
    owner.thread.close()


def test_a_thread_that_died_or_could_not_be_started_is_started_by_the_next_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = Owner()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            owner.thread.start()
    owner.thread.start()
    first = owner.running
    owner.thread._runs.obtain().stopping.set()
    first.join()
    owner.thread._runs.obtain().stopping = threading.Event()
    owner.thread.start()
    assert owner.running is not first
    owner.thread._runs.obtain().stopping.set()
    owner.thread.close()


def test_a_child_has_no_thread_until_it_starts_its_own() -> None:
    owner = Owner(pause=0.001)
    owner.thread.start()

    def work() -> list[bool]:
        inherited = owner.thread.is_running()
        while owner.worked.acquire(blocking=False):
            pass
        owner.thread.start()
        return [inherited, owner.worked.acquire(timeout=10), owner.thread.is_running()]

    assert answer_of_child(work) == [False, True, True]
    owner.thread.close()
