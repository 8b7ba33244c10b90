"""Find the identity of the running request in any framework."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token

from watchword.events import add_actor_source
from watchword.sessions import Identity

__all__ = ["add_identity_source", "current_identity", "reset_identity", "set_identity"]

_running: ContextVar[Identity | None] = ContextVar("watchword_identity", default=None)
_sources: list[Callable[[], Identity | None]] = []


def add_identity_source(source: Callable[[], Identity | None]) -> None:
    """Add a function that finds the identity of the running request. Adapters call this at import.

    Meant for frameworks that keep a context of their own for each request, as Flask does.
    """
    _sources.append(source)


set_identity: Callable[[Identity | None], Token[Identity | None]] = _running.set
"""Set the identity of the running request for the current task or thread, and for the tasks that it starts.

``None`` stands for a request without an identity. Returns what :func:`reset_identity` needs.
"""

reset_identity: Callable[[Token[Identity | None]], None] = _running.reset
"""Restore the identity that was set before, in the same task or thread.

Called with the result of :func:`set_identity`. A thread that serves many requests needs this.
"""


def current_identity() -> Identity | None:
    """Return the identity that a guard found for the running request, or ``None``."""
    identity = _running.get()
    if identity is not None:
        return identity
    return next((identity for source in _sources if (identity := source()) is not None), None)


def _find_subject() -> str | None:
    identity = current_identity()
    return None if identity is None else identity.subject


add_actor_source(_find_subject)
