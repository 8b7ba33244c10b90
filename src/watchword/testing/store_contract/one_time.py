"""Conformance tests for keys that can be spent once."""

from __future__ import annotations

import secrets
import time

from watchword.testing.store_contract.racing import Store, run_at_once

__all__ = ["OneTimeStoreContract"]


class OneTimeStoreContract:
    """The promises of a :class:`~watchword.stores.contract.OneTimeStore`."""

    def test_a_key_is_spent_once(self, store: Store) -> None:
        until = time.time() + store.time_shift + 1_000
        assert store.spend("key", "first attempt", keep_until=until)
        assert not store.spend("key", "second attempt", keep_until=until)
        assert store.spend("another key", "second attempt", keep_until=until)

    def test_a_repeated_attempt_is_told_that_it_was_the_one(self, store: Store) -> None:
        until = time.time() + store.time_shift + 1_000
        assert store.spend("key", "first attempt", keep_until=until)
        assert not store.spend("key", "second attempt", keep_until=until)
        assert store.spend("key", "first attempt", keep_until=until)

    def test_a_spent_key_is_kept_until_nobody_can_come_with_it(self, store: Store) -> None:
        until = time.time() + store.time_shift + 1_000
        assert store.spend("key", "first attempt", keep_until=until)
        store.time_shift += 999
        assert not store.spend("key", "second attempt", keep_until=until)

    def test_what_would_not_be_kept_cannot_be_spent(self, store: Store) -> None:
        until = time.time() + store.time_shift + 1_000
        store.time_shift += 1_001
        assert not store.spend("key", "first attempt", keep_until=until)
        assert not store.spend("key", "first attempt", keep_until=until)

    def test_of_many_attempts_at_once_exactly_one_spends(self, store: Store) -> None:
        until = time.time() + store.time_shift + 1_000
        spent = run_at_once(lambda: store.spend("key", secrets.token_hex(8), keep_until=until))
        assert sum(spent) == 1
