"""What the tests of this room share: a real store in memory, and an operator's secret."""

from collections.abc import Iterator

import pytest

from watchword.stores import open_sql_stores
from watchword.stores.contract import KeyStore


@pytest.fixture
def store() -> Iterator[KeyStore]:
    opened = open_sql_stores("sqlite://")
    yield opened.keys
    opened.close()


@pytest.fixture
def secret() -> str:
    return "an operator's secret, long enough"
