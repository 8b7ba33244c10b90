"""Find the identity of the running request in any framework."""

from __future__ import annotations

from collections.abc import Callable

from watchword.events import add_actor_source
from watchword.sessions import Identity

__all__ = ["add_identity_source", "current_identity"]

_sources: list[Callable[[], Identity | None]] = []


def add_identity_source(source: Callable[[], Identity | None]) -> None:
    """Add a function that finds the identity of the running request. Adapters call this at import."""
    _sources.append(source)


def current_identity() -> Identity | None:
    """Return the identity that a guard found for the running request, or ``None``."""
    return next((identity for source in _sources if (identity := source()) is not None), None)


def _find_subject() -> str | None:
    identity = current_identity()
    return None if identity is None else identity.subject


add_actor_source(_find_subject)
