"""Durations: seconds or a timedelta, in every argument and setting."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from watchword.arguments import describe
from watchword.errors import InvalidSettings

__all__ = ["Duration", "to_seconds", "to_whole_seconds"]

Duration: TypeAlias = float | timedelta
"""Seconds or a timedelta."""

# Larger JSON numbers are not exact everywhere (RFC 8259 §6), and no clock reaches them.
_LONGEST = 2**53 - 1


def to_seconds(name: str, duration: object) -> float:
    """Return a duration in seconds. A whole number of seconds is an ``int``.

    Args:
        name: the name of the argument or setting, for the error.
        duration: seconds or a timedelta.

    Raises:
        InvalidSettings: the value is of another type, negative or not finite.
    """
    if isinstance(duration, timedelta):
        exact = duration.total_seconds()
        seconds: object = int(exact) if exact.is_integer() else exact
    else:
        seconds = duration
    if type(seconds) not in {int, float}:  # A bool is an int, but not a duration.
        raise InvalidSettings(f"{name} must be seconds or a timedelta, not {type(duration).__name__}")
    if not 0 <= seconds <= _LONGEST:  # type: ignore[operator]  # Neither NaN nor infinity passes.
        raise InvalidSettings(f"{name} must be zero or more seconds, not {_describe_duration(duration)}")
    return seconds  # type: ignore[return-value]


def to_whole_seconds(name: str, duration: object) -> int:
    """Return a duration in whole seconds, 1 or more. The fraction of a timedelta is dropped.

    Args:
        name: the name of the argument or setting, for the error.
        duration: whole seconds or a timedelta.

    Raises:
        InvalidSettings: the value is of another type, or shorter than a second.
    """
    seconds = duration // timedelta(seconds=1) if isinstance(duration, timedelta) else duration
    if type(seconds) is not int:
        raise InvalidSettings(f"{name} must be whole seconds or a timedelta, not {type(duration).__name__}")
    if seconds < 1:
        raise InvalidSettings(f"{name} must be at least one second, not {_describe_duration(duration)}")
    return seconds


def _describe_duration(duration: object) -> str:
    return str(duration) if isinstance(duration, timedelta) else describe(duration)
