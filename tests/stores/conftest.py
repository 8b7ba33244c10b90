"""Every store that the contract's tests run against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis_servers import RedisCluster, RedisServer, open_redis_stores

from watchword.stores import Stores, open_sql_stores


@pytest.fixture(params=["file", "memory", "postgres"])
def sql_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """New and empty stores in each kind of SQL database."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database()
    else:
        url = "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"
    with closing(open_sql_stores(url)) as opened:
        yield opened


@pytest.fixture(params=["server", "cluster"])
def redis_stores(
    request: pytest.FixtureRequest, redis_server: RedisServer, redis_cluster: RedisCluster
) -> Iterator[Stores]:
    """New and empty stores in each kind of Redis, with the accounts in memory."""
    server = redis_server if request.param == "server" else redis_cluster
    with closing(open_redis_stores(server.url)) as opened:
        yield opened
