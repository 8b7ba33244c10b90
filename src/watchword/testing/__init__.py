"""Help for the tests of applications and of stores."""

from __future__ import annotations

import sys

from watchword.testing.fresh_stores import fresh_store

__all__ = ["fresh_store"]

if "pytest" in sys.modules:  # The tests of a Django project may run without it.
    sys.modules["pytest"].register_assert_rewrite("watchword.testing.store_contract")
