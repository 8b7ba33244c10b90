"""Conformance tests for throttles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from watchword.stores.contract import Admission, HitLimit, LoginCounter, LoginCounters, NetworkCounters
from watchword.testing.store_contract.racing import THREADS, Store, run_at_once

__all__ = ["ThrottleStoreContract"]

DELAYED = pytest.approx(0.5, abs=0.5)


class ThrottleStoreContract:
    """The promises of a :class:`~watchword.stores.contract.ThrottleStore`."""

    # -- delays ----------------------------------------------------------------------------------

    def test_delays_begin_after_the_free_attempts_and_double_up_to_the_longest(self, store: Store) -> None:
        for _ in range(2):
            charge(store)
        waits = []
        for _ in range(7):
            assert charge(store) == 0.0
            waits.append(charge(store))
            store.time_shift += waits[-1]
        assert [round(wait) for wait in waits] == [1, 2, 4, 8, 10, 10, 10]

    def test_attempts_during_a_delay_charge_nothing_and_lengthen_nothing(self, store: Store) -> None:
        for _ in range(3):
            assert charge(store) == 0.0
        assert all(0 < charge(store) <= 1.0 for _ in range(20))
        store.time_shift += 1.0
        assert charge(store) == 0.0
        assert 1.0 < charge(store) <= 2.0

    def test_a_count_that_was_not_charged_for_long_is_forgotten(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        store.time_shift += 1_001
        assert [charge(store) for _ in range(3)] == [0.0] * 3
        assert charge(store) > 0

    def test_a_delay_outlasts_the_time_after_which_its_count_is_forgotten(self, store: Store) -> None:
        counters = LoginCounters("alice", LoginCounter("own", free=-9, max_delay=500.0))
        assert store.admit(counters, forget_after=1.0).wait == 0.0
        store.time_shift += 400
        assert store.admit(counters, forget_after=1.0).wait == pytest.approx(100, abs=5)

    def test_a_count_of_thousands_does_not_overflow(self, store: Store) -> None:
        for _ in range(80):
            assert charge(store, free=0) == 0.0
            store.time_shift += 10
        assert charge(store, free=0, max_delay=math.inf) == 0.0
        assert 2.0**63 < charge(store) <= 2.0**80

    def test_of_many_attempts_at_once_only_the_free_attempts_are_admitted(self, store: Store) -> None:
        waits = run_at_once(lambda: charge(store))
        assert sorted(waits)[:4] == [0.0, 0.0, 0.0, DELAYED]
        assert sum(wait == 0.0 for wait in waits) == 3

    def test_counters_are_apart(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        assert charge(store, "other own") == 0.0
        assert charge(store) > 0

    # -- the networks of a username ----------------------------------------------------------------

    def test_an_admission_names_the_counters_that_it_charged(self, store: Store) -> None:
        assert store.admit(LoginCounters("alice", OWN), forget_after=100) == Admission(0.0, ("own",))
        assert admit(store, "home") == Admission(0.0, ("own home", "new"))

    def test_networks_share_a_counter_while_they_have_free_attempts(self, store: Store) -> None:
        networks = [f"network {number}" for number in range(7)]
        assert waits_of(store, networks) == [0.0] * 6 + [DELAYED]

    def test_networks_without_free_attempts_share_another_counter(self, store: Store) -> None:
        for number in range(2):
            waits_of(store, [f"network {number}"] * 3)
        assert admit(store, "network 2").wait > 0, "the shared counter of new networks"
        store.time_shift += 10
        assert admit(store, "network 1") == Admission(0.0, ("own network 1", "delayed"))
        assert admit(store, "network 2") == Admission(0.0, ("own network 2", "new"))

    def test_an_attempt_that_a_shared_counter_refuses_is_charged_nowhere(self, store: Store) -> None:
        waits_of(store, [f"network {number}" for number in range(6)])
        assert waits_of(store, ["home"] * 4) == [DELAYED] * 4
        store.time_shift += 1
        assert admit(store, "home") == Admission(0.0, ("own home", "new"))
        store.time_shift += 1_001
        assert waits_of(store, ["home"] * 4) == [0.0] * 3 + [DELAYED]

    def test_of_many_networks_at_once_only_the_free_attempts_are_admitted(self, store: Store) -> None:
        networks = iter([f"network {number}" for number in range(THREADS)])
        waits = run_at_once(lambda: admit(store, next(networks)).wait)
        assert sum(wait == 0.0 for wait in waits) == 6

    # -- the limit of an address -------------------------------------------------------------------

    def test_an_address_with_too_many_hits_is_refused_until_its_window_ends(self, store: Store) -> None:
        for _ in range(5):
            store.hit("address home", 50.0)
        store.time_shift += 20
        refused = admit(store, "home")
        assert (refused.wait, refused.charged) == (pytest.approx(30, abs=5), ())
        assert admit(store, "away").wait == 0.0
        store.time_shift += 31
        assert waits_of(store, ["home"] * 3) == [0.0] * 3, "nothing was charged"

    def test_an_attempt_that_is_refused_for_its_own_failures_hits_its_address(self, store: Store) -> None:
        waits_of(store, ["home"] * 3)
        assert waits_of(store, ["home"] * 4) == [DELAYED] * 4
        assert store.hit("address home", 50.0) == 5
        assert admit(store, "home").wait == pytest.approx(50, abs=5)

    def test_an_attempt_that_is_refused_for_others_failures_does_not_hit_its_address(
        self, store: Store
    ) -> None:
        waits_of(store, [f"network {number}" for number in range(6)])
        assert waits_of(store, ["home"] * 4) == [DELAYED] * 4
        assert store.hit("address home", 50.0) == 1

    # -- outcomes ----------------------------------------------------------------------------------

    def test_a_success_clears_its_own_count(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        store.record_success("alice", own="own", shared=None, device=None, lifetime=100.0)
        assert [charge(store) for _ in range(3)] == [0.0] * 3
        assert charge(store) > 0

    def test_a_success_takes_back_a_single_shared_charge(self, store: Store) -> None:
        waits_of(store, [f"network {number}" for number in range(6)])
        assert admit(store, "away").wait > 0
        store.record_success("alice", own="own network 1", shared="new", device=None, lifetime=100.0)
        assert admit(store, "away") == Admission(0.0, ("own away", "new"))
        assert admit(store, "away").wait > 0

    def test_a_remembered_device_has_a_counter_of_its_own(self, store: Store) -> None:
        store.record_success("alice", own="own home", shared=None, device="device home", lifetime=100.0)
        waits_of(store, [f"network {number}" for number in range(6)])
        for _ in range(9):
            store.hit("address home", 50.0)
        assert admit(store, "away").wait > 0
        assert admit(store, "home") == Admission(0.0, ("known home",), True)
        assert waits_of(store, ["home"] * 3) == [0.0, 0.0, DELAYED]
        assert store.hit("address home", 50.0) == 10

    def test_a_device_is_remembered_for_its_lifetime_and_renewed(self, store: Store) -> None:
        for _ in range(2):
            store.record_success("alice", own="own", shared=None, device="device home", lifetime=100.0)
            store.time_shift += 60
            assert admit(store, "home").is_known
        store.time_shift += 41
        assert not admit(store, "home").is_known
        assert not admit(store, "away").is_known

    def test_a_refund_takes_a_single_charge_back_and_ends_its_delay(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        assert charge(store) > 0
        store.refund("alice", ["own", "other"])
        assert charge(store) == 0.0
        assert charge(store) > 0
        for _ in range(9):
            store.refund("alice", ["own"])
        assert [charge(store) for _ in range(3)] == [0.0] * 3
        assert charge(store) > 0

    def test_a_refund_of_nothing_is_no_credit(self, store: Store) -> None:
        store.refund("alice", ["own"])
        assert [charge(store) for _ in range(3)] == [0.0] * 3
        assert charge(store) > 0

    def test_refunds_at_once_take_back_a_single_charge_each(self, store: Store) -> None:
        for _ in range(20):
            charge(store, free=100)
        run_at_once(lambda: store.refund("alice", ["own", "other"]))
        left = 20 - THREADS
        assert [charge(store, free=left + 2) for _ in range(3)] == [0.0, 0.0, DELAYED]

    # -- hits --------------------------------------------------------------------------------------

    def test_hits_are_counted_in_a_fixed_window(self, store: Store) -> None:
        assert [store.hit("key", 100.0) for _ in range(3)] == [1, 2, 3]
        store.time_shift += 60
        assert store.hit("key", 100.0) == 4
        store.time_shift += 41
        assert [store.hit("key", 100.0) for _ in range(2)] == [1, 2], "a hit does not lengthen its window"
        store.time_shift += 99
        assert store.hit("key", 100.0) == 3

    def test_keys_of_hits_are_apart(self, store: Store) -> None:
        for _ in range(3):
            store.hit("key", 100.0)
        assert store.hit("other key", 100.0) == 1
        charge(store, "key")
        assert store.hit("key", 100.0) == 4

    def test_hits_at_once_are_all_counted(self, store: Store) -> None:
        counts = run_at_once(lambda: [store.hit("key", 100.0) for _ in range(5)])
        assert sorted(count for some in counts for count in some) == list(range(1, 5 * THREADS + 1))


OWN = LoginCounter("own", free=3, max_delay=10.0)


def charge(store: Store, key: str = "own", **changes: Any) -> float:
    """Return how long an attempt from an unknown network has to wait."""
    counters = LoginCounters("alice", OWN._replace(key=key, **changes))
    return float(store.admit(counters, forget_after=1_000.0).wait)


def admit(store: Store, network: str, **changes: Any) -> Any:
    """Return the answer to an attempt from a known network."""
    shared = LoginCounter("new", free=6, max_delay=10.0)
    counters = NetworkCounters(
        device=f"device {network}",
        known=OWN._replace(key=f"known {network}"),
        address=HitLimit(f"address {network}", hits=5, window=50.0),
        new=shared,
        delayed=shared._replace(key="delayed"),
    )
    own = OWN._replace(key=f"own {network}")
    return store.admit(LoginCounters("alice", own, counters._replace(**changes)), forget_after=1_000.0)


def waits_of(store: Store, networks: Sequence[str]) -> Any:
    return [admit(store, network).wait for network in networks]
