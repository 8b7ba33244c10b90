"""Where a fleet's state is, what can be done to it, and for how long."""

import os
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["PAUSE", "SOAK_SECONDS", "Backing"]

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
PAUSE = 20 if SOAK_SECONDS else 3  # seconds for which something is frozen, locked or away


class Backing(NamedTuple):
    """Where the servers' state is.

    Attributes:
        environment: tells them.
        open: opens the same store.
        faults: what can be done to it.
    """

    environment: dict
    open: Callable
    faults: tuple
