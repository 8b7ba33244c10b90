"""Events in the log, each as a line of JSON."""

from __future__ import annotations

import json
import logging

import msgspec

from watchword.events.event import Event

__all__ = ["log_event", "to_json"]

logger = logging.getLogger("watchword.security")


def log_event(event: Event) -> None:
    """Log an event as a line of JSON to the logger ``watchword.security``. The default listener."""
    if logger.isEnabledFor(event.level):
        logger.log(event.level, "%s", to_json(event))


def to_json(event: Event) -> str:
    """Convert an event to a line of JSON. Unknown fields are left out."""
    # The standard library escapes all characters but ASCII, so a line break in a name does not end the line.
    return json.dumps({"event": event.name, **msgspec.to_builtins(event)})
