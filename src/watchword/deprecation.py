"""Warn callers that use a deprecated name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["make_getattr", "warn_renamed"]


def warn_renamed(old: str, new: str) -> None:
    """Warn that the caller's caller uses an old name. The old name works until the next major version.

    Args:
        old: the old name, as the caller wrote it.
        new: the name to use instead.
    """
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)


def make_getattr(module: str, renamed: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a module (PEP 562) that has names from before a renaming.

    Args:
        module: the name of the module.
        renamed: the new names with their modules, by old name.
    """

    def find_renamed(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_renamed(f"{module}.{name}", renamed[name])
        home, _, new = renamed[name].rpartition(".")
        return getattr(import_module(home), new)

    return find_renamed
