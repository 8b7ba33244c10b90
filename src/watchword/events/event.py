"""The base classes of all events, and the port through which events leave."""

from __future__ import annotations

import logging
from typing import ClassVar, Protocol

import msgspec

from watchword.events.actors import find_actor

__all__ = ["Act", "Event", "Listener"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of every event.

    Attributes:
        name: the stable name of the kind of event.
        level: the level at which the event is logged.
        subject: the subject that the event is about, if it is known.
        session: the id of the session, if there is a session.
        address: the address of the client, if there is a client.
    """

    name: ClassVar[str] = "event"
    level: ClassVar[int] = logging.INFO

    subject: str | None = None
    session: str | None = None
    address: str | None = None


class Act(Event, frozen=True, kw_only=True):
    """An event that records its actor.

    Attributes:
        actor: the subject of the running request, ``cli:<system user>`` for a command, or the argument
            ``actor=`` of the call. ``None`` if none of them is known.
    """

    actor: str | None = None

    def __post_init__(self) -> None:
        if self.actor is None:
            msgspec.structs.force_setattr(self, "actor", find_actor())


class Listener(Protocol):
    """A function that receives every event.

    It is called on the thread that caused the event, so it must be quick. What it raises is logged, and
    stops neither the operation nor the listeners after it.
    """

    def __call__(self, event: Event, /) -> None:
        """Receive an event."""
        ...
