"""What the tests of this room share: a real store in memory, and an operator's secret."""

from collections.abc import Iterator

import pytest

from watchword.stores import open_store
from watchword.stores.contract import Store


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store("sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def secret() -> str:
    return "an operator's secret, long enough"
