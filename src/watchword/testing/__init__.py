"""Help for the tests of applications and of stores. Needs pytest."""

import pytest

__all__ = ()

pytest.register_assert_rewrite("watchword.testing.store_contract")
