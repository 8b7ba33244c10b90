"""Conformance tests for signing keys."""

from __future__ import annotations

import secrets
from typing import Any

from watchword.stores.contract import KeyKind
from watchword.testing.store_contract.racing import THREADS, Store, run_at_once

__all__ = ["KeyStoreContract", "insert_key"]


class KeyStoreContract:
    """The promises of a :class:`~watchword.stores.contract.KeyStore`."""

    def test_the_first_insert_of_an_epoch_wins_and_a_repeat_of_it_is_told_so(self, store: Store) -> None:
        assert insert_key(store, 1, "kid-1")
        assert insert_key(store, 1, "kid-1")
        assert not insert_key(store, 1, "kid-2")
        store.time_shift += 1
        assert insert_key(store, 1, "kid-3", "internal")
        stored = store.list_keys()
        assert [(key.kind, key.epoch, key.kid, key.alg, key.sealed) for key in stored.keys] == [
            ("public", 1, "kid-1", "EdDSA", "sealed kid-1"),
            ("internal", 1, "kid-3", "EdDSA", "sealed kid-3"),
        ]
        assert stored.keys[0].created_at < stored.keys[1].created_at <= stored.now
        assert stored.version == store.list_keys().version

    def test_an_epoch_before_the_newest_is_past_and_a_kid_is_taken_once(self, store: Store) -> None:
        assert insert_key(store, 3, "kid-3")
        assert not insert_key(store, 2, "kid-2")
        assert not insert_key(store, 4, "kid-3")
        assert not insert_key(store, 1, "kid-3", "internal")
        assert [key.kid for key in store.list_keys().keys] == ["kid-3"]

    def test_a_key_signs_from_the_time_asked_for_but_not_before_it_was_there_for_the_lead(
        self, store: Store
    ) -> None:
        later = store.list_keys().now + 1_000
        insert_key(store, 1, "first")
        insert_key(store, 2, "soon", not_before=later, lead=10)
        insert_key(store, 3, "late", not_before=later, lead=5_000)
        first, soon, late = store.list_keys().keys
        assert first.signs_from == first.created_at
        assert soon.signs_from == later
        assert late.signs_from == late.created_at + 5_000

    def test_a_key_is_advanced_to_the_end_of_its_lead_and_never_put_off(self, store: Store) -> None:
        insert_key(store, 1, "kid", lead=5_000)
        inserted, version = find_key(store, "kid"), store.list_keys().version
        for lead in (5_000, 9_000):
            assert store.advance_key("kid", lead=lead) == inserted
        assert store.list_keys().version == version
        advanced = store.advance_key("kid", lead=100)
        assert advanced == find_key(store, "kid")
        assert advanced is not None
        assert advanced.signs_from == inserted.created_at + 100
        assert store.list_keys().version != version
        store.time_shift += 4_000
        assert store.advance_key("kid", lead=100) == advanced

    def test_a_key_whose_lead_is_over_signs_from_the_stores_time_on(self, store: Store) -> None:
        insert_key(store, 1, "kid", lead=5_000)
        store.time_shift += 1_000
        before = store.list_keys().now
        advanced = store.advance_key("kid", lead=100)
        assert advanced is not None
        assert before <= advanced.signs_from <= store.list_keys().now

    def test_what_is_unknown_or_compromised_is_not_advanced(self, store: Store) -> None:
        insert_key(store, 1, "first")
        insert_key(store, 2, "next", lead=5_000)
        assert store.compromise_key("next", successor=None)
        assert store.advance_key("next", lead=0) is None
        assert store.advance_key("unknown", lead=0) is None

    def test_a_compromised_key_hands_over_to_its_successor_at_that_moment(self, store: Store) -> None:
        insert_key(store, 1, "bad")
        insert_key(store, 2, "next", lead=5_000)
        version = store.list_keys().version
        store.time_shift += 10
        assert store.compromise_key("bad", successor="next")
        bad, following = store.list_keys().keys
        assert bad.compromised_at == following.signs_from > bad.created_at + 9
        assert store.list_keys().version != version
        store.time_shift += 10
        assert store.compromise_key("bad", successor="next")
        assert (find_key(store, "bad"), find_key(store, "next")) == (bad, following), (
            "a repeat changes nothing"
        )

    def test_the_last_key_that_could_sign_is_not_given_up(self, store: Store) -> None:
        insert_key(store, 1, "first")
        insert_key(store, 2, "next", lead=5_000)
        insert_key(store, 1, "other", "internal")
        version = store.list_keys().version
        for kid, successor in [
            ("first", None),  # the next one does not sign yet
            ("first", "other"),
            ("first", "unknown"),
            ("first", "first"),
            ("other", None),
            ("unknown", None),
        ]:
            assert not store.compromise_key(kid, successor=successor)
        assert store.list_keys().version == version
        assert store.compromise_key("next", successor=None)
        assert not store.compromise_key("first", successor="next")
        assert [key.compromised_at is None for key in store.list_keys().keys] == [True, False, True]

    def test_of_two_keys_that_are_given_up_for_each_other_one_stays(self, store: Store) -> None:
        insert_key(store, 1, "first")
        insert_key(store, 2, "second")
        kids = iter(["first", "second"] * (THREADS // 2))
        done = run_at_once(lambda: store.compromise_key(next(kids), successor=None))
        assert any(done)
        assert sorted(key.compromised_at is None for key in store.list_keys().keys) == [False, True]

    def test_deleted_keys_are_gone_and_deleting_them_again_changes_nothing(self, store: Store) -> None:
        for epoch in (1, 2, 3):
            insert_key(store, epoch, f"kid-{epoch}")
        assert sorted(store.delete_keys(["kid-1", "kid-2", "unknown"])) == ["kid-1", "kid-2"]
        stored = store.list_keys()
        assert [key.kid for key in stored.keys] == ["kid-3"]
        assert list(store.delete_keys(["kid-1", "unknown"])) == []
        assert list(store.delete_keys([])) == []
        assert store.list_keys().version == stored.version

    def test_new_seals_take_the_place_of_all_or_of_none(self, store: Store) -> None:
        for epoch in (1, 2):
            insert_key(store, epoch, f"kid-{epoch}")
        version = store.list_keys().version
        assert not store.reseal_keys({"sealed kid-1": "new 1", "sealed of nobody": "new 2"})
        assert [key.sealed for key in store.list_keys().keys] == ["sealed kid-1", "sealed kid-2"]
        assert store.list_keys().version == version
        assert store.reseal_keys({"sealed kid-1": "new 1", "sealed kid-2": "new 2"})
        assert [key.sealed for key in store.list_keys().keys] == ["new 1", "new 2"]
        assert store.list_keys().version != version

    def test_the_key_version_changes_with_the_keys_and_not_without(self, store: Store) -> None:
        def version_after(kid: str, epoch: int) -> Any:
            insert_key(store, epoch, kid)
            return store.list_keys().version

        first = version_after("kid-1", 1)
        assert version_after("kid-1", 1) == first
        assert version_after("kid-2", 1) == first
        assert version_after("kid-2", 2) != first

    def test_of_many_nodes_exactly_one_makes_the_next_key(self, store: Store) -> None:
        won = run_at_once(lambda: insert_key(store, 1, secrets.token_hex(4)))
        assert sorted(won) == [False] * (THREADS - 1) + [True]


def insert_key(store: Store, epoch: int, kid: str, kind: KeyKind = "public", **times: float) -> Any:
    """Insert a key of an epoch. By default it signs at once."""
    given = {"not_before": 0.0, "lead": 0.0} | times
    return store.insert_key(kind, epoch, kid, "EdDSA", f"sealed {kid}", **given)


def find_key(store: Store, kid: str) -> Any:
    return next(key for key in store.list_keys().keys if key.kid == kid)
