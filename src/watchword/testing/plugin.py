"""The pytest fixture: ``pytest_plugins = ["watchword.testing.plugin"]`` in the root ``conftest.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from watchword.auth import Auth
from watchword.testing import fresh_stores

__all__ = ["fresh_store"]


@pytest.fixture
def fresh_store() -> Iterator[Auth]:
    """Give a test a fresh store in memory. Returns the Auth of the project."""
    with fresh_stores.fresh_store() as auth:
        yield auth
