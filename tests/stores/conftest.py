"""Every store that the contract's tests run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchword.stores.sql.store import SqlStore


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    url = "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"
    opened = SqlStore(url)
    yield opened
    opened.close()
