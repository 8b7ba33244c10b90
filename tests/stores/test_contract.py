"""Our own stores are held to the contract that others are held to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchword.stores.sql import SqlStore
from watchword.testing import store_contract


class TestSqliteFile(store_contract.StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        yield from opened(f"sqlite:///{tmp_path}/watchword.db")


class TestSqliteMemory(store_contract.StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[SqlStore]:
        yield from opened("sqlite://")


def opened(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    yield store
    store.close()
