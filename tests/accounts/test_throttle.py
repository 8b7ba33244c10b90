import threading
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.accounts import LoginThrottle
from watchword.errors import Throttled
from watchword.settings import Settings
from watchword.stores import open_sql_stores

STRANGER = "203.0.113.9"
HOME = "198.51.100.7"
DAY = 86_400


@pytest.fixture
def store(stores):
    return stores.throttles


def fail(throttle, username="alice", address=STRANGER, times=1):
    for _ in range(times):
        throttle.record_failure(throttle.admit(username, address))


def log_in(throttle, username="alice", address=HOME):
    throttle.record_success(throttle.admit(username, address))


def refusals(throttle, username, addresses):
    """How many of the attempts, one from each address, are refused."""
    refused = 0
    for address in addresses:
        try:
            fail(throttle, username, address)
        except Throttled:
            refused += 1
    return refused


def hammer(throttle, username="alice"):
    """Use up what all networks together have free for a name."""
    assert refusals(throttle, username, [f"192.0.2.{number}" for number in range(101)]) == 1


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


# -- networks ------------------------------------------------------------------------------------


def test_a_network_that_fails_on_purpose_delays_only_itself(store, throttle):
    for _ in range(200):
        refusals(throttle, "alice", [STRANGER])
        store.time_shift += 60
    fail(throttle, "alice", STRANGER)
    assert delay(throttle, address=STRANGER) > 59
    log_in(throttle, "alice", HOME)


def test_nineteen_networks_that_guess_all_day_are_in_nobodys_way(store, throttle):
    strangers = [f"192.0.2.{number}" for number in range(19)]
    for _ in range(20):
        refusals(throttle, "alice", strangers)
        store.time_shift += 61
    throttle.admit("alice", HOME)


def test_guesses_from_ever_new_networks_are_delayed_together(store, throttle):
    hammer(throttle)
    waited = []
    for stranger in [f"192.0.3.{number}" for number in range(8)]:
        waited.append(round(delay(throttle, address=stranger)))
        store.time_shift += waited[-1]
        fail(throttle, address=stranger)
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]


def test_delayed_networks_share_shorter_delays_and_are_in_no_new_networks_way(store, throttle):
    strangers = [f"192.0.2.{number}" for number in range(15)]
    for _ in range(20):
        refusals(throttle, "alice", strangers)
        store.time_shift += 61
    assert refusals(throttle, "alice", strangers) == 14
    store.time_shift += 10.1
    assert refusals(throttle, "alice", strangers) == 14
    throttle.admit("alice", HOME)


def test_an_owner_among_delayed_networks_gets_in_within_ten_seconds(store, throttle):
    fail(throttle, "alice", HOME, times=5)  # mistyped at a new place
    for _ in range(200):
        refusals(throttle, "alice", [STRANGER])
        store.time_shift += 60
    refusals(throttle, "alice", [STRANGER])
    store.time_shift += 10.1
    log_in(throttle, "alice", HOME)


def test_what_all_networks_together_are_refused_costs_a_new_network_nothing(store, throttle):
    hammer(throttle)
    for _ in range(20):
        assert delay(throttle, address=HOME) > 0
    store.time_shift += 1
    log_in(throttle, "alice", HOME)


def test_networks_of_one_site_share_the_delays_of_a_name(throttle):
    fail(throttle, address="2001:db8:0:1::1", times=5)
    assert delay(throttle, address="2001:db8:0:2::1") > 0
    fail(throttle, address="2001:db8:1:2::1", times=5)


def test_an_attempt_without_a_verdict_is_refunded_and_no_other(store, throttle):
    fail(throttle, times=4)
    for _ in range(10):
        throttle.refund(throttle.admit("alice", STRANGER))
    fail(throttle)
    assert delay(throttle) > 0


def test_refunds_count_for_the_name_too(store, throttle):
    for number in range(110):
        throttle.refund(throttle.admit("alice", f"192.0.3.{number}"))
    hammer(throttle)


def test_a_good_login_leaves_the_failures_of_other_networks(store, throttle):
    refusals(throttle, "alice", [f"192.0.2.{number}" for number in range(99)])
    log_in(throttle)
    fail(throttle)
    assert delay(throttle, address="192.0.3.1") > 0


def test_an_unknown_address_is_told_once(throttle, caplog):
    log_in(throttle, address=HOME)
    assert not caplog.records
    for _ in range(3):
        log_in(throttle, address=None)
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "the address of a client is not known"
    ]


@given(
    st.text(alphabet=st.characters(), max_size=200),
    st.none() | st.text(alphabet=st.characters(), max_size=30),
)
@example("\ud800", "\ud800")
def test_any_text_as_name_and_address_is_counted_or_refused(username, address):
    stores = open_sql_stores("sqlite://")
    throttle = LoginThrottle(stores.throttles, key=b"k" * 32, settings=Settings())
    fail(throttle, username, address, times=5)
    assert delay(throttle, username, address) > 0
    stores.close()


# -- owners --------------------------------------------------------------------------------------


def test_an_owner_logs_in_from_a_known_address_while_strangers_hammer(throttle):
    log_in(throttle)
    hammer(throttle)
    assert delay(throttle) > 0
    log_in(throttle)


def test_an_owners_login_does_not_help_the_strangers(throttle):
    log_in(throttle)
    hammer(throttle)
    log_in(throttle)
    assert delay(throttle) > 0


def test_a_known_address_is_throttled_by_its_own_failures(throttle):
    log_in(throttle)
    fail(throttle, address=HOME, times=5)
    assert delay(throttle, address=HOME) > 0
    fail(throttle, times=5)


def test_an_owners_address_is_known_for_ninety_days(store, throttle):
    log_in(throttle)
    store.time_shift += 90 * DAY - 60
    hammer(throttle)
    log_in(throttle)  # and from now on for another ninety
    store.time_shift += 60 * DAY
    log_in(throttle)
    store.time_shift += 90 * DAY + 60
    hammer(throttle)
    assert delay(throttle, address=HOME) > 0


def test_a_known_address_is_known_for_that_account_only(throttle):
    log_in(throttle, "mallory", STRANGER)
    fail(throttle, "alice", STRANGER, times=5)
    assert delay(throttle, "alice", STRANGER) > 0


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


class RecordingStore:
    """Passes operations on to a real store and keeps what they were given."""

    def __init__(self, store):
        self._store = store
        self.operations = []

    def __getattr__(self, name):
        def operation(*args, **kwargs):
            self.operations.append((name, args, kwargs))
            return getattr(self._store, name)(*args, **kwargs)

        return operation

    def names(self):
        return Counter(name for name, _, _ in self.operations)


@pytest.fixture
def recording(store):
    return RecordingStore(store)


def find_keys(value):
    """All text in what an operation was given."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return find_keys(tuple(value.values()))
    return set().union(*map(find_keys, value)) if isinstance(value, (tuple, list)) else set()


def test_the_store_sees_neither_usernames_nor_addresses(recording, settings):
    throttle = LoginThrottle(recording, key=b"k" * 32, settings=settings)
    for address in (HOME, STRANGER, None):
        log_in(throttle, address=address)
        fail(throttle, address=address)
        throttle.refund(throttle.admit("alice", address))
    keys = find_keys([given[1:] for given in recording.operations])
    # The username has its key, two shared counters, and the counter of clients without an address. Each
    # network has the hits of its address, its counter, the device and the counter of the device.
    assert len(keys) == 4 + 2 * 4
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)


@pytest.mark.parametrize("address", [HOME, "2001:db8::1", None])
def test_a_login_costs_an_operation_to_admit_and_an_operation_to_settle(recording, settings, address):
    throttle = LoginThrottle(recording, key=b"k" * 32, settings=settings)
    log_in(throttle, "alice", address)
    assert recording.names() == {"admit": 1, "record_success": 1}
    throttle.refund(throttle.admit("alice", address))
    assert recording.names() == {"admit": 2, "record_success": 1, "refund": 1}
    fail(throttle, "bob", address)
    assert recording.names() == {"admit": 3, "record_success": 1, "refund": 1} | (
        {"hit": 1} if address else {}
    )


def test_another_key_makes_other_counters(store, throttle, settings):
    fail(throttle, times=5)
    fail(LoginThrottle(store, key=b"K" * 32, settings=settings), times=5)


# -- addresses -----------------------------------------------------------------------------------


def spray(throttle, addresses, start=0):
    """One failure from each address, each on another name."""
    for number, address in enumerate(addresses, start):
        fail(throttle, f"user {number}", address)


def test_an_address_has_a_hundred_failures_in_its_window(store, throttle):
    spray(throttle, [STRANGER] * 100)
    assert 290 < delay(throttle, "somebody") <= 300
    store.time_shift += 301
    fail(throttle, "somebody")


def test_an_address_over_its_limit_charges_no_name(throttle):
    spray(throttle, [STRANGER] * 100)
    for _ in range(10):
        assert delay(throttle, "alice") > 60
    fail(throttle, "alice", HOME, times=5)


def test_refused_attempts_count_against_the_address_that_earned_them(throttle):
    fail(throttle, times=5)
    for _ in range(95):
        assert delay(throttle) <= 1
    assert delay(throttle) > 60
    assert delay(throttle, "somebody else") > 60
    fail(throttle, "somebody else", HOME)


def test_attempts_that_others_are_to_blame_for_do_not_count_against_the_address(throttle):
    hammer(throttle)
    for _ in range(150):
        assert delay(throttle, address=HOME) <= 60
    fail(throttle, "bob", HOME)


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


def test_throttles_of_several_processes_count_the_failures_of_an_address_together(store, settings):
    throttles = [LoginThrottle(store, key=b"k" * 32, settings=settings) for _ in range(4)]
    for number, throttle in enumerate(throttles):
        spray(throttle, [STRANGER] * 25, start=100 * number)
    assert all(delay(throttle, "somebody") > 60 for throttle in throttles)


def test_only_failures_count_for_an_address(recording, settings):
    throttle = LoginThrottle(recording, key=b"k" * 32, settings=settings)
    for number in range(20):
        throttle.admit(f"user {number}", HOME)
    assert "hit" not in recording.names()
    spray(throttle, [HOME] * 20)
    assert recording.names()["hit"] == 20
