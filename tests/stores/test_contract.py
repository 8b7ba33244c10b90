"""Our own stores are held to the contract that others are held to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from postgres_servers import PostgresServer
from redis_servers import RedisCluster, RedisServer

from watchword.stores.redis.store import RedisStore
from watchword.stores.sql.store import SqlStore
from watchword.testing import store_contract

T = TypeVar("T", SqlStore, RedisStore)


class TestSqliteFile(store_contract.StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        yield from opened(f"sqlite:///{tmp_path}/watchword.db")


class TestSqliteMemory(store_contract.StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[SqlStore]:
        yield from opened("sqlite://")


class TestPostgres(store_contract.StoreContract, store_contract.AnnouncementsContract):
    @pytest.fixture
    def store(self, postgres: PostgresServer) -> Iterator[SqlStore]:
        yield from opened(postgres.new_database())


class InRedis(
    store_contract.SessionStoreContract,
    store_contract.KeyStoreContract,
    store_contract.ThrottleStoreContract,
    store_contract.OneTimeStoreContract,
    store_contract.AnnouncementsContract,
):
    """What is not accounts."""


class TestRedis(InRedis):
    @pytest.fixture
    def store(self, redis_server: RedisServer) -> Iterator[RedisStore]:
        yield from closing(RedisStore(redis_server.url))


class TestRedisCluster(InRedis):
    @pytest.fixture
    def store(self, redis_cluster: RedisCluster) -> Iterator[RedisStore]:
        yield from closing(RedisStore(redis_cluster.url))


def opened(url: str) -> Iterator[SqlStore]:
    yield from closing(SqlStore(url))


def closing(store: T) -> Iterator[T]:
    yield store
    store.close()
