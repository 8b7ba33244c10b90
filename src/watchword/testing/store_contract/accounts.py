"""Conformance tests for accounts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from watchword.testing.store_contract.racing import Store

__all__ = ["AccountStoreContract", "insert_account"]


class AccountStoreContract:
    """The promises of an :class:`~watchword.stores.contract.AccountStore`."""

    def test_an_account_is_found_by_name_and_by_subject(self, store: Store) -> None:
        account = insert_account(store)
        assert (account.subject, account.username, account.name_key) == ("s1", "Alice", "alice")
        assert (account.scopes, account.disabled, account.credentials_version) == (
            ("read", "write"),
            False,
            1,
        )
        assert account.created_at == pytest.approx(time.time() + store.time_shift, abs=5)
        assert store.find_account(name_key="alice") == account == store.find_account(subject="s1")
        assert store.find_account(name_key="bob") is None
        assert store.find_account(subject="s2") is None

    def test_a_password_hash_does_not_show(self, store: Store) -> None:
        assert "argon2" not in repr(insert_account(store))

    def test_a_name_is_unique_and_a_repeat_with_one_subject_returns_the_row(self, store: Store) -> None:
        account = insert_account(store)
        assert insert_account(store, password_hash="$argon2id$2") == account
        assert insert_account(store, subject="s2") is None
        assert store.list_accounts() == [account]

    def test_accounts_are_listed_by_name(self, store: Store) -> None:
        insert_account(store, "s1", "bob")
        insert_account(store, "s2", "alice")
        assert [account.name_key for account in store.list_accounts()] == ["alice", "bob"]

    def test_what_must_end_sessions_raises_the_credentials_version_and_a_rehash_does_not(
        self, store: Store
    ) -> None:
        insert_account(store)
        assert store.set_password("s1", "$argon2id$2", version=1)
        assert store.set_disabled("s1", disabled=True)
        assert store.replace_hash("s1", "$argon2id$2", "$argon2id$3")
        account = store.find_account(subject="s1")
        assert (account.password_hash, account.disabled, account.credentials_version) == (
            "$argon2id$3",
            True,
            3,
        )
        assert store.set_disabled("s1", disabled=False)
        assert not store.find_account(subject="s1").disabled

    def test_of_two_password_changes_at_the_same_version_one_is_done_and_its_repeat_is_told_so(
        self, store: Store
    ) -> None:
        insert_account(store)
        assert store.set_password("s1", "$argon2id$2", version=1)
        assert store.set_password("s1", "$argon2id$2", version=1)
        assert not store.set_password("s1", "$argon2id$3", version=1)
        account = store.find_account(subject="s1")
        assert (account.password_hash, account.credentials_version) == ("$argon2id$2", 2)

    def test_new_scopes_and_a_new_name_keep_the_version(self, store: Store) -> None:
        insert_account(store)
        insert_account(store, "s2", "bob")
        assert store.set_scopes("s1", ("write",))
        assert store.rename_account("s1", "Carol", "carol")
        assert store.rename_account("s1", "CAROL", "carol"), "its own name is free"
        assert not store.rename_account("s1", "Bob", "bob")
        account = store.find_account(name_key="carol")
        assert (account.subject, account.username, account.scopes) == ("s1", "CAROL", ("write",))
        assert account.credentials_version == 1
        assert store.find_account(name_key="alice") is None

    def test_a_rehash_never_undoes_a_password_change(self, store: Store) -> None:
        insert_account(store)
        store.set_password("s1", "$argon2id$new", version=1)
        assert not store.replace_hash("s1", "$argon2id$1", "$argon2id$better")
        assert store.find_account(subject="s1").password_hash == "$argon2id$new"

    def test_changes_to_no_account_change_nothing(self, store: Store) -> None:
        assert not store.set_password("s1", "hash", version=1)
        assert not store.set_scopes("s1", ())
        assert not store.rename_account("s1", "Bob", "bob")
        assert not store.set_disabled("s1", disabled=True)
        assert not store.replace_hash("s1", "old", "new")
        assert not store.delete_account("s1")

    def test_a_deleted_account_is_gone_and_its_name_is_free(self, store: Store) -> None:
        insert_account(store)
        assert store.delete_account("s1")
        assert store.find_account(subject="s1") is None
        assert insert_account(store, "s2").subject == "s2"


def insert_account(store: Store, subject: str = "s1", name_key: str = "alice", **changes: Any) -> Any:
    """Insert an account, by default of Alice."""
    fields = {"username": "Alice", "password_hash": "$argon2id$1", "scopes": ("read", "write")}
    return store.insert_account(subject=subject, name_key=name_key, **fields | changes)
