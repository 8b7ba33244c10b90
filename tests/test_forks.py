import gc
import os
import threading
from collections.abc import Callable

import pytest
from hard_forks import answer_of_child, hard_fork

from watchword.forks import PerProcess


class Resource:
    def __init__(self) -> None:
        self.maker = os.getpid()

    def __del__(self) -> None:
        if self.maker != os.getpid():
            os.write(2, b"a resource of the parent was destroyed\n")


@pytest.mark.parametrize("fork", [os.fork, hard_fork], ids=["with hooks", "without hooks"])
def test_a_child_makes_its_own_resource_and_leaves_the_inherited_one_alone(
    fork: Callable[[], int], capfd: pytest.CaptureFixture[str]
) -> None:
    holder = [PerProcess(Resource)]
    maker = holder[0].obtain().maker
    assert maker == os.getpid()
    assert holder[0].obtain() is holder[0].obtain()

    def work() -> list[bool]:
        resources = holder.pop()
        found_before = resources.find() is not None
        own = resources.obtain()
        told = [found_before, own.maker == os.getpid(), resources.obtain() is own, resources.find() is own]
        del resources
        gc.collect()
        return told

    assert answer_of_child(work, fork) == [False, True, True, True]
    assert holder[0].obtain().maker == maker
    assert capfd.readouterr().err == ""


def test_what_is_removed_can_be_closed_and_is_made_anew() -> None:
    made = PerProcess(list[int])
    assert made.remove() is None
    first = made.obtain()
    assert made.remove() is first
    assert made.find() is None
    assert made.obtain() is not first


def test_threads_that_make_a_resource_at_the_same_time_get_the_same_and_wait_for_none() -> None:
    both_are_making = threading.Barrier(2, timeout=10)

    def make() -> object:
        both_are_making.wait()  # would time out if a lock were held here
        return object()

    resources, got = PerProcess(make), list[object]()
    threads = [threading.Thread(target=lambda: got.append(resources.obtain())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] is got[1] is resources.obtain()


def test_a_process_id_that_the_system_gives_out_again_brings_no_inherited_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = PerProcess(object)
    ancestor = os.getpid()
    inherited = resources.obtain()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    parent = resources.obtain()
    monkeypatch.setattr(os, "getpid", lambda: ancestor)
    assert resources.obtain() not in (inherited, parent)


def test_a_hard_fork_runs_no_hook_that_was_registered_since() -> None:
    called: list[str] = []
    os.register_at_fork(after_in_child=lambda: called.append("hook"))
    assert answer_of_child(lambda: called, os.fork) == ["hook"]
    assert answer_of_child(lambda: called) == []
