"""The actor of an administrative act: the person or program that caused it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from watchword.deprecation import warn_renamed

__all__ = ["act_as", "add_actor_source", "find_actor"]

_current_actor: ContextVar[str | None] = ContextVar("watchword_actor", default=None)

_actor_sources: list[Callable[[], str | None]] = []


@contextmanager
def act_as(actor: str | None) -> Iterator[None]:
    """Record this actor in the events of all acts inside the ``with`` block."""
    token = _current_actor.set(actor)
    try:
        yield
    finally:
        _current_actor.reset(token)


def acting_as(actor: str | None) -> AbstractContextManager[None]:
    """Do what :func:`act_as` does, under its old name."""
    warn_renamed("watchword.events.acting_as", "watchword.events.act_as")
    return act_as(actor)


def find_actor() -> str | None:
    """Return the actor that :func:`act_as` names, or else the subject of the running request."""
    if (actor := _current_actor.get()) is not None:
        return actor
    return next((actor for source in _actor_sources if (actor := source()) is not None), None)


def add_actor_source(source: Callable[[], str | None]) -> None:
    """Ask this function for the actor of each act that names none. Meant for adapters of web frameworks."""
    _actor_sources.append(source)
