"""Warn the caller of a name that has another name now."""

from __future__ import annotations

import warnings

__all__ = ["warn_renamed"]


def warn_renamed(old: str, new: str) -> None:
    """Warn that the caller's caller uses an old name. The old name works until the next major version.

    Args:
        old: the old name, as the caller wrote it.
        new: the name to use instead.
    """
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)
