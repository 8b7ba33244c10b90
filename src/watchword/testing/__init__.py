"""For the tests of applications, and of stores, that use Watchword. Needs pytest."""

import pytest

__all__ = ()

pytest.register_assert_rewrite("watchword.testing.store_contract")
