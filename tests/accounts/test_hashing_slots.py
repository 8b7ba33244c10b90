import threading

import pytest

from watchword.accounts import hashing_slots
from watchword.accounts.hashing_slots import HashingSlots
from watchword.errors import Overloaded


def test_running_and_waiting_are_two_numbers_and_what_exceeds_both_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(hashing_slots, "PATIENCE", 60)
    slots = HashingSlots(running=3, waiting=4)
    lock, all_refused = threading.Lock(), threading.Event()
    counts = {"running": 0, "most": 0, "done": 0, "refused": 0}

    def count(name, change):
        with lock:
            counts[name] += change
            counts["most"] = max(counts["most"], counts["running"])
            if counts["refused"] == 13:
                all_refused.set()

    def attempt() -> None:
        try:
            with slots.hold():
                count("running", 1)
                assert all_refused.wait(30)
                count("running", -1)
            count("done", 1)
        except Overloaded:
            count("refused", 1)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"running": 0, "most": 3, "done": 7, "refused": 13}


def test_who_waits_in_vain_is_told_to_come_back(monkeypatch):
    assert hashing_slots.PATIENCE == 2
    monkeypatch.setattr(hashing_slots, "PATIENCE", 0.01)
    slots = HashingSlots(running=1, waiting=1)
    with slots.hold():
        for _ in range(3):  # each gives its place in the queue back
            with pytest.raises(Overloaded) as caught, slots.hold():
                pytest.fail("a second slot")
    assert (caught.value.status, caught.value.retry_after) == (503, 1)
    with slots.hold():
        pass


def test_a_slot_is_given_back_when_its_block_fails():
    slots = HashingSlots(running=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.hold():
            _ = 1 / 0


def test_green_threads_wait_for_each_other(run_script):
    answer = run_script("""
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from watchword.accounts.hashing_slots import HashingSlots

        slots, done = HashingSlots(running=1, waiting=9), []

        def hash():
            with slots.hold():
                gevent.sleep(0.001)
                done.append(True)

        gevent.joinall([gevent.spawn(hash) for _ in range(10)], timeout=20)
        raise SystemExit(7 if len(done) == 10 else 1)
    """)
    assert answer.returncode == 7, answer.stderr
