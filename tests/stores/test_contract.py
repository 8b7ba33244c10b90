"""Our own stores are held to the contract that others are held to."""

from __future__ import annotations

import pytest

from watchword.stores import Stores
from watchword.stores.contract import (
    AccountStore,
    Announcements,
    KeyStore,
    OneTimeStore,
    SessionStore,
    ThrottleStore,
)
from watchword.testing import store_contract


class InSql:
    @pytest.fixture
    def stores(self, sql_stores: Stores) -> Stores:
        return sql_stores


class InRedis:
    @pytest.fixture
    def stores(self, redis_stores: Stores) -> Stores:
        return redis_stores


class TestSqlSessions(InSql, store_contract.SessionStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> SessionStore:
        return stores.sessions


class TestRedisSessions(InRedis, store_contract.SessionStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> SessionStore:
        return stores.sessions


class TestSqlKeys(InSql, store_contract.KeyStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> KeyStore:
        return stores.keys


class TestRedisKeys(InRedis, store_contract.KeyStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> KeyStore:
        return stores.keys


class TestSqlAccounts(InSql, store_contract.AccountStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> AccountStore:
        return stores.accounts


class TestSqlThrottles(InSql, store_contract.ThrottleStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> ThrottleStore:
        return stores.throttles


class TestRedisThrottles(InRedis, store_contract.ThrottleStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> ThrottleStore:
        return stores.throttles


class TestSqlOneTime(InSql, store_contract.OneTimeStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> OneTimeStore:
        return stores.one_time


class TestRedisOneTime(InRedis, store_contract.OneTimeStoreContract):
    @pytest.fixture
    def store(self, stores: Stores) -> OneTimeStore:
        return stores.one_time


@pytest.mark.parametrize("sql_stores", ["postgres"], indirect=True)
class TestPostgresAnnouncements(InSql, store_contract.AnnouncementsContract):
    @pytest.fixture
    def announcements(self, stores: Stores) -> Announcements:
        assert stores.announcements is not None
        return stores.announcements


class TestRedisAnnouncements(InRedis, store_contract.AnnouncementsContract):
    @pytest.fixture
    def announcements(self, stores: Stores) -> Announcements:
        assert stores.announcements is not None
        return stores.announcements


class TestSqlStores(InSql, store_contract.StoresContract):
    """The ports of one database together."""


class TestRedisStores(InRedis, store_contract.StoresContract):
    """The ports of Redis, and accounts in a database, together."""
