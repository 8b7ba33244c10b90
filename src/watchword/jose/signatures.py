"""The old place of ``raw_from_der``: import it from :mod:`watchword.jose.jws`."""

from __future__ import annotations

from typing import Any

from watchword.deprecation import warn_renamed
from watchword.jose.algorithms import signatures

__all__ = ["raw_from_der"]  # noqa: F822 - see __getattr__


def __getattr__(name: str) -> Any:
    if name != "raw_from_der":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_renamed("watchword.jose.signatures.raw_from_der", "watchword.jose.jws.raw_from_der")
    return signatures.raw_from_der
