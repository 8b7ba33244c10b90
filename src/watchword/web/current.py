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


def set_identity(identity: Identity | None) -> Token[Identity | None]:
    """Set the identity of the running request for the current task or thread, and for those it starts.

    Args:
        identity: the identity that the guard found. ``None`` for a request without an identity.

    Returns:
        What :func:`reset_identity` needs to restore the value that was set before.
    """
    return _running.set(identity)


def reset_identity(token: Token[Identity | None]) -> None:
    """Restore the identity that was set before. A thread that serves many requests needs this.

    Args:
        token: the result of :func:`set_identity`, in the same task or thread.
    """
    _running.reset(token)


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
