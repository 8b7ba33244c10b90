"""What a contender's functions make for the worker to time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Batch", "Case"]


class Case(NamedTuple):
    """What a contender's function makes.

    Attributes:
        call: what is timed.
        argument: what it is called with, each time as a string never seen before, whose hash nobody has
            computed: what a web server hands over.
    """

    call: Callable[[str], object]
    argument: str


class Batch(NamedTuple):
    """What a contender's function makes where many tokens are dealt with at once.

    Attributes:
        run: deals with them, and returns the seconds a token that it took.
    """

    run: Callable[[], float]
