"""Counters of failed logins."""

from __future__ import annotations

import math
from typing import Any

import pytest

from watchword.testing.store_contract.racing import THREADS, Store, at_once

__all__ = ["ThrottleStoreContract"]


class ThrottleStoreContract:
    """What a :class:`~watchword.stores.contract.ThrottleStore` promises."""

    def test_delays_begin_after_the_free_attempts_and_double_up_to_the_longest(self, store: Store) -> None:
        for _ in range(2):
            charge(store)
        waits = []
        for _ in range(7):
            assert wait(store) == 0.0
            waits.append(wait(store))
            store.time_shift += waits[-1]
        assert [round(wait) for wait in waits] == [1, 2, 4, 8, 10, 10, 10]

    def test_attempts_during_a_delay_charge_nothing_and_lengthen_nothing(self, store: Store) -> None:
        for _ in range(3):
            assert wait(store) == 0.0
        assert all(0 < wait(store) <= 1.0 for _ in range(20))
        store.time_shift += 1.0
        assert wait(store) == 0.0
        assert 1.0 < wait(store) <= 2.0

    def test_a_charge_says_how_many_attempts_there_were(self, store: Store) -> None:
        assert [charge(store) for _ in range(3)] == [(0.0, 1), (0.0, 2), (0.0, 3)]
        assert charge(store).attempts == 3
        store.time_shift += 1.0
        assert charge(store) == (0.0, 4)

    def test_a_refund_takes_one_charge_back_and_ends_its_delay(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        assert wait(store) > 0
        store.refund("key")
        assert charge(store) == (0.0, 3)
        assert wait(store) > 0
        for _ in range(9):
            store.refund("key")
        assert [charge(store).attempts for _ in range(3)] == [1, 2, 3]

    def test_a_refund_of_nothing_is_no_credit(self, store: Store) -> None:
        store.refund("key")
        assert charge(store) == (0.0, 1)

    def test_refunds_at_once_take_one_charge_each(self, store: Store) -> None:
        for _ in range(20):
            charge(store, free=100)
        at_once(lambda: store.refund("key"))
        assert charge(store, free=100).attempts == 20 - THREADS + 1

    def test_a_good_login_clears_the_count_and_another_key_has_its_own(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        assert charge(store, "other") == (0.0, 1)
        store.clear_charges("key")
        assert [wait(store) for _ in range(3)] == [0.0] * 3
        assert wait(store) > 0

    def test_a_count_that_nobody_touched_is_forgotten(self, store: Store) -> None:
        for _ in range(3):
            charge(store)
        store.time_shift += 1_001
        assert [charge(store) for _ in range(3)] == [(0.0, 1), (0.0, 2), (0.0, 3)]

    def test_a_count_of_thousands_does_not_overflow(self, store: Store) -> None:
        for _ in range(80):
            assert wait(store, free=0) == 0.0
            store.time_shift += 10
        assert charge(store, free=0, max_delay=math.inf) == (0.0, 81)
        assert wait(store) <= 2.0**80

    def test_of_many_attempts_at_once_only_the_free_ones_go_on(self, store: Store) -> None:
        waits = at_once(lambda: wait(store))
        assert sorted(waits)[:4] == [0.0, 0.0, 0.0, pytest.approx(1.0, abs=1.0)]
        assert sum(wait == 0.0 for wait in waits) == 3

    def test_a_key_is_remembered_for_its_lifetime_and_renewed(self, store: Store) -> None:
        assert not store.remembers("key")
        store.remember("key", lifetime=100)
        store.time_shift += 60
        assert store.remembers("key")
        store.remember("key", lifetime=100)
        store.time_shift += 60
        assert store.remembers("key")
        store.time_shift += 41
        assert not store.remembers("key")
        assert not store.remembers("other")


def wait(store: Store, **changes: Any) -> Any:
    return charge(store, **changes).wait


def charge(store: Store, key: str = "key", **changes: Any) -> Any:
    return store.charge(key, **{"free": 3, "max_delay": 10.0, "forget_after": 1_000.0} | changes)
