"""What the stores' contract promises, as tests: hold a store of your own to it.

Each class is for one of the ports of :mod:`watchword.stores.contract`, :class:`StoreContract` for all of them
together but the announcements, which a store need not have. Subclass it in a test module, and let a fixture
``store`` give a new and empty store to each test::

    class TestMyStore(store_contract.SessionStoreContract):
        @pytest.fixture
        def store(self):
            return MyStore()

The store needs one attribute besides the contract: ``time_shift``, the seconds by which its time is ahead of
its clock. The tests change it, so that none of them has to wait.
"""

from __future__ import annotations

import pytest

from watchword.testing.store_contract.accounts import AccountStoreContract, insert_account
from watchword.testing.store_contract.announcements import AnnouncementsContract
from watchword.testing.store_contract.keys import KeyStoreContract, insert_key
from watchword.testing.store_contract.one_time import OneTimeStoreContract
from watchword.testing.store_contract.racing import Store
from watchword.testing.store_contract.sessions import SessionStoreContract, start
from watchword.testing.store_contract.throttles import ThrottleStoreContract

__all__ = [
    "AccountStoreContract",
    "AnnouncementsContract",
    "KeyStoreContract",
    "OneTimeStoreContract",
    "SessionStoreContract",
    "StoreContract",
    "ThrottleStoreContract",
]


class StoreContract(
    SessionStoreContract, KeyStoreContract, AccountStoreContract, ThrottleStoreContract, OneTimeStoreContract
):
    """What a :class:`~watchword.stores.contract.Store` promises: all of it in one place."""

    def test_a_poll_brings_the_version_of_the_keys(self, store: Store) -> None:
        for epoch in (1, 2):
            insert_key(store, epoch, f"kid-{epoch}")
            assert store.poll(None, None, grace=0).key_version == store.keys().version

    def test_the_stores_time_moves_with_its_shift(self, store: Store) -> None:
        before = store.now()
        store.time_shift += 3_600
        assert store.now() == pytest.approx(before + 3_600, abs=5)

    def test_the_ends_of_a_deleted_accounts_sessions_stay_in_the_feed(self, store: Store) -> None:
        insert_account(store)
        session = start(store, "s1")
        store.end_sessions("s1", "account_deleted")
        assert store.delete_account("s1")
        assert [end.session_id for end in store.poll(None, None, grace=30).ends] == [session.id]
