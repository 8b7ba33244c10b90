import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.accounts import LoginThrottle
from watchword.errors import Throttled
from watchword.settings import Settings
from watchword.stores import open_store

STRANGER = "203.0.113.9"
HOME = "198.51.100.7"
DAY = 86_400


def fail(throttle, username="alice", address=STRANGER, times=1):
    for _ in range(times):
        throttle.admit(username, address)
        throttle.failed(username, address)


def log_in(throttle, username="alice", address=HOME):
    throttle.admit(username, address)
    throttle.succeeded(username, address)


def delay(throttle, username="alice", address=STRANGER):
    """Seconds that the next attempt would have to wait."""
    with pytest.raises(Throttled) as caught:
        throttle.admit(username, address)
    return caught.value.retry_after


# -- names ---------------------------------------------------------------------------------------


def test_a_name_has_five_free_failures_then_waits_longer_and_longer(store, throttle):
    fail(throttle, times=5)
    waited = []
    for _ in range(8):
        waited.append(round(delay(throttle)))
        store.time_shift += waited[-1]
        fail(throttle)
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]


def test_attempts_during_a_delay_lengthen_nothing(throttle):
    fail(throttle, times=5)
    assert all(delay(throttle) <= 1 for _ in range(20))


def test_a_failure_is_forgotten_after_a_day(store, throttle):
    fail(throttle, times=5)
    store.time_shift += DAY + 1
    fail(throttle, times=5)


def test_the_allowance_follows_the_settings(store):
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings(login_failures=1, login_delay=1))
    fail(throttle)
    for _ in range(3):
        assert delay(throttle) <= 1
        store.time_shift += 1
        fail(throttle)


def test_one_name_in_any_letter_case_is_one_counter(throttle):
    for name in ("alice", "Alice", "ALICE", "\uff21lice", "aLiCe"):
        fail(throttle, name)
    assert delay(throttle, "alicE") > 0


def test_other_names_are_not_touched(throttle):
    fail(throttle, "alice", times=5)
    fail(throttle, "bob", times=5)


def test_parallel_guesses_cannot_all_slip_through(throttle):
    admitted, start = [], threading.Barrier(20)

    def guess() -> None:
        start.wait()
        try:
            throttle.admit("alice", None)
        except Throttled:
            return
        admitted.append(True)

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 5


def test_a_good_login_forgets_the_failures_before_it(throttle):
    for _ in range(3):
        fail(throttle, times=4)
        log_in(throttle, address=STRANGER)


@pytest.mark.parametrize("address", [HOME, None], ids=["with an address", "without one"])
def test_fifty_good_logins_in_a_row_are_never_throttled(throttle, address):
    for _ in range(50):
        log_in(throttle, address=address)


def test_good_logins_of_many_names_from_one_address_are_never_throttled(throttle):
    for number in range(150):
        log_in(throttle, f"user {number}")


@given(
    st.text(alphabet=st.characters(), max_size=200),
    st.none() | st.text(alphabet=st.characters(), max_size=30),
)
@example("\ud800", "\ud800")
def test_any_text_as_name_and_address_is_counted_or_refused(username, address):
    store = open_store("sqlite://")
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings())
    fail(throttle, username, address, times=5)
    assert delay(throttle, username, address) > 0
    store.close()


# -- owners --------------------------------------------------------------------------------------


def test_an_owner_logs_in_from_a_known_address_while_strangers_hammer(throttle):
    log_in(throttle)
    fail(throttle, times=5)
    assert delay(throttle) > 0
    log_in(throttle)


def test_an_owners_login_does_not_help_the_strangers(throttle):
    log_in(throttle)
    fail(throttle, times=5)
    log_in(throttle)
    assert delay(throttle) > 0


def test_a_known_address_is_throttled_by_its_own_failures(throttle):
    log_in(throttle)
    fail(throttle, address=HOME, times=5)
    assert delay(throttle, address=HOME) > 0
    fail(throttle, times=5)


def test_an_owners_address_is_known_for_ninety_days(store, throttle):
    log_in(throttle)
    fail(throttle, times=5)
    store.time_shift += 90 * DAY - 60
    fail(throttle, times=5)
    log_in(throttle)  # and from now on for another ninety
    store.time_shift += 60 * DAY
    fail(throttle, times=5)
    log_in(throttle)
    store.time_shift += 90 * DAY + 60
    fail(throttle, times=5)
    assert delay(throttle, address=HOME) > 0


def test_a_known_address_is_known_for_that_account_only(throttle):
    log_in(throttle, "mallory", STRANGER)
    fail(throttle, "alice", STRANGER, times=5)
    assert delay(throttle, "alice", HOME) > 0


def test_no_name_can_be_made_up_that_hits_an_owners_counter(throttle):
    log_in(throttle, "alice", HOME)
    for made_up in (
        f"alice\0{HOME}",
        f"{HOME}\0alice",
        f"attempts by owner\0{HOME}\0alice",
        f"\0{HOME}\0alice",
    ):
        fail(throttle, made_up, STRANGER, times=5)
    fail(throttle, "alice", HOME, times=5)


def test_the_store_sees_neither_names_nor_addresses(store, throttle, monkeypatch):
    keys = []
    for operation in ("charge", "clear_charges", "remember", "remembers"):
        real = getattr(store, operation)

        def seen(key, *, real=real, **rest):
            keys.append(key)
            return real(key, **rest)

        monkeypatch.setattr(store, operation, seen)
    log_in(throttle)
    fail(throttle)
    assert len(set(keys)) == 3  # the name's counter, the owner's two addresses
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)


def test_another_key_makes_other_counters(store, throttle, settings):
    fail(throttle, times=5)
    fail(LoginThrottle(store, key=b"K" * 32, settings=settings), times=5)


# -- addresses -----------------------------------------------------------------------------------


def spray(throttle, addresses, start=0):
    """One failure from each address, each on another name."""
    for number, address in enumerate(addresses, start):
        fail(throttle, f"user {number}", address)


def test_an_address_has_a_hundred_failures_in_its_window(throttle, monkeypatch):
    spray(throttle, [STRANGER] * 100)
    assert 290 < delay(throttle, "somebody") <= 300
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 301)
    fail(throttle, "somebody")


def test_an_address_over_its_limit_charges_no_name(throttle):
    spray(throttle, [STRANGER] * 100)
    for _ in range(10):
        assert delay(throttle, "alice") > 60
    fail(throttle, "alice", HOME, times=5)


def test_the_limit_of_one_address_touches_no_other(throttle):
    spray(throttle, [STRANGER] * 100)
    fail(throttle, "somebody", "203.0.113.10")


def test_an_owners_address_is_under_no_limit_of_addresses(throttle):
    log_in(throttle, "alice", STRANGER)
    spray(throttle, [STRANGER] * 100)
    assert delay(throttle, "bob", STRANGER) > 60
    log_in(throttle, "alice", STRANGER)


def test_an_owners_own_failures_do_not_shut_the_address_for_others(store):
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings(address_failures=3))
    log_in(throttle, "alice", HOME)
    fail(throttle, "alice", HOME, times=5)
    fail(throttle, "bob", HOME)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
        ("2001:DB8:0:1::1", "2001:0db8:0000:0001:0000:0000:0000:0002"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.1", "::FFFF:c000:201"),
        ("fe80::1", "fe80::2%eth0"),
    ],
)
def test_addresses_of_one_client_share_one_limit(store, one, other):
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings(address_failures=4))
    spray(throttle, [one, other, one, other])
    assert delay(throttle, "somebody", one) > 60
    assert delay(throttle, "somebody", other) > 60


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:2::1"),
        ("192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_addresses_of_different_clients_do_not(store, one, other):
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings(address_failures=2))
    spray(throttle, [one, one])
    fail(throttle, "somebody", other)


@pytest.mark.parametrize("address", [None, "", "unix:", "localhost", "1.2.3.4:80", "\0", "é"])
def test_what_is_no_address_has_no_limit_and_is_not_known(store, address):
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings(address_failures=1))
    spray(throttle, [address] * 5)
    log_in(throttle, "alice", address)
    fail(throttle, "alice", address, times=5)
    assert delay(throttle, "alice", address) <= 1


def test_addresses_are_kept_only_for_failures_and_only_for_their_window(store, monkeypatch):
    throttle = LoginThrottle(store, key=b"k" * 32, settings=Settings())
    for number in range(20):
        throttle.admit(f"user {number}", f"192.0.2.{number}")
    storage = throttle._limiter().storage
    assert not storage.expirations
    spray(throttle, [f"192.0.2.{number}" for number in range(20)])
    assert len(storage.expirations) == 20
    storage.timer.join()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 301)
    fail(throttle, "somebody", HOME)
    storage.timer.join()
    assert len(storage.storage) == len(storage.expirations) == len(storage.locks) == 1


def test_making_a_throttle_starts_no_thread(store, settings):
    before = threading.active_count()
    LoginThrottle(store, key=b"k" * 32, settings=settings)
    assert threading.active_count() == before


def test_locks_that_were_held_at_a_fork_do_not_stop_the_child():
    script = """
        import os, threading
        from watchword.accounts import LoginThrottle
        from watchword.settings import Settings
        from watchword.stores import open_store

        throttle = LoginThrottle(open_store("sqlite://"), key=b"k" * 32, settings=Settings())
        throttle.failed("alice", "192.0.2.1")
        storage = throttle._limiter().storage
        storage.timer.join()
        key = throttle._limit.key_for("192.0.2.1")
        held, done = threading.Event(), threading.Event()

        def hold():
            with storage.locks[key]:
                held.set()
                done.wait()

        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if child == 0:
            throttle.failed("alice", "192.0.2.1")
            os._exit(7)
        status = os.waitpid(child, 0)[1]
        done.set()
        raise SystemExit(os.waitstatus_to_exitcode(status))
    """
    answer = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 7, answer.stderr
