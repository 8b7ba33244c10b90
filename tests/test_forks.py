import os
import threading

import pytest
from forked import answer_of_child, hard_fork

from watchword.forks import PerProcess


class Resource:
    def __init__(self) -> None:
        self.maker = os.getpid()

    def __del__(self) -> None:
        os.write(2, b"a resource was destroyed\n")


@pytest.mark.parametrize("fork", [os.fork, hard_fork], ids=["with hooks", "without hooks"])
def test_a_child_makes_its_own_resource_and_leaves_the_inherited_one_alone(
    fork: object, capfd: pytest.CaptureFixture[str]
) -> None:
    resources = PerProcess(Resource)
    inherited = resources.obtain()
    assert resources.obtain() is inherited

    def work() -> list[bool]:
        found_before = resources.find() is not None
        own = resources.obtain()
        again = resources.obtain() is own
        return [found_before, own is inherited, again, own.maker == os.getpid(), resources.find() is own]

    assert answer_of_child(work, fork) == [False, False, True, True, True]  # type: ignore[arg-type]
    assert resources.obtain() is inherited
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
