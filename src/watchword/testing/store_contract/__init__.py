"""The contract of the stores as tests, for a store of your own.

Each class is for a port of :mod:`watchword.stores.contract`. Subclass it in a test module, and let
a fixture ``store`` give a new and empty store to each test::

    class TestMySessions(store_contract.SessionStoreContract):
        @pytest.fixture
        def store(self):
            return MySessions()

The store needs an attribute besides the contract: ``time_shift``, the seconds by which its time is ahead of
its clock. The tests change it, so that no test has to wait.

:class:`AnnouncementsContract` takes a fixture ``announcements`` instead. :class:`StoresContract` takes a
fixture ``stores``, a :class:`~watchword.stores.contract.Stores` record, and tests what the ports promise
together.
"""

from __future__ import annotations

from typing import Any

import pytest

from watchword.stores.contract import Stores
from watchword.testing.store_contract.accounts import AccountStoreContract, insert_account
from watchword.testing.store_contract.announcements import AnnouncementsContract
from watchword.testing.store_contract.keys import KeyStoreContract, insert_key
from watchword.testing.store_contract.one_time import OneTimeStoreContract
from watchword.testing.store_contract.session_calls import start
from watchword.testing.store_contract.sessions import SessionStoreContract
from watchword.testing.store_contract.throttles import ThrottleStoreContract

__all__ = [
    "AccountStoreContract",
    "AnnouncementsContract",
    "KeyStoreContract",
    "OneTimeStoreContract",
    "SessionStoreContract",
    "StoresContract",
    "ThrottleStoreContract",
]


class StoresContract:
    """The promises that the ports of a :class:`~watchword.stores.contract.Stores` record make together."""

    def test_a_poll_brings_the_version_of_the_keys_or_none(self, stores: Stores) -> None:
        for epoch in (1, 2):
            insert_key(stores.keys, epoch, f"kid-{epoch}")
            version = stores.keys.list_keys().version
            assert stores.sessions.poll(None, None, grace=0).key_version in {version, None}

    def test_the_time_of_the_record_is_that_of_the_sessions(self, stores: Stores) -> None:
        sessions: Any = stores.sessions
        sessions.time_shift += 3_600
        assert stores.now() == pytest.approx(sessions.poll(None, None, grace=0).now, abs=5)

    def test_the_ends_of_a_deleted_accounts_sessions_stay_in_the_feed(self, stores: Stores) -> None:
        insert_account(stores.accounts)
        session = start(stores.sessions, "s1")
        stores.sessions.end_sessions("s1", "account_deleted")
        assert stores.accounts.delete_account("s1")
        assert [end.session_id for end in stores.sessions.poll(None, None, grace=30).ends] == [session.id]
