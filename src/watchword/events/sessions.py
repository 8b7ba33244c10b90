"""Events of sessions: refreshes, ends, and settings that the nodes share."""

from __future__ import annotations

import logging
from typing import Literal

from watchword.events.event import Act, Event

__all__ = [
    "RefreshReplayed",
    "RefreshReplayedElsewhere",
    "RefreshReused",
    "SessionRefreshed",
    "SessionTerminated",
    "SessionsEnded",
    "SettingsDiffer",
]


class SessionRefreshed(Event, frozen=True, kw_only=True):
    """A refresh swapped the session to its next generation.

    Attributes:
        seconds: how long the refresh took, from the token to the swap.
    """

    name = "refresh"

    seconds: float | None = None


class RefreshReplayed(Event, frozen=True, kw_only=True):
    """A refresh token was used again inside the window: two tabs, a lost response, or a thief.

    Attributes:
        swapped_by: the address that made the swap.
        seconds: how long the refresh took.
    """

    name = "refresh_replayed"

    swapped_by: str | None = None
    seconds: float | None = None


class RefreshReplayedElsewhere(Event, frozen=True, kw_only=True):
    """A refresh token was used again inside the window, by another client than the client of the swap.

    A device that changes its network inside the window causes this event, and so does a thief.

    Attributes:
        swapped_by: the address that made the swap.
        differs: what differs from the client that made the swap: ``network``, ``user_agent`` or both.
        seconds: how long the refresh took.
    """

    name = "refresh_replayed_elsewhere"
    level = logging.WARNING

    swapped_by: str | None = None
    differs: tuple[str, ...] = ()
    seconds: float | None = None


class RefreshReused(Event, frozen=True, kw_only=True):
    """An old refresh token was used after its window. The session was ended.

    Attributes:
        seen: ``recent_predecessor`` is the generation before the session's current generation. A client that
            missed a response may still have it. ``old_lineage`` is any earlier generation: only a copy can
            have it.
        swapped_by: the address that made the last swap.
    """

    name = "refresh_reused"
    level = logging.WARNING

    seen: Literal["recent_predecessor", "old_lineage"]
    swapped_by: str | None = None


class SessionTerminated(Act, frozen=True, kw_only=True):
    """A session ended.

    Attributes:
        reason: the reason, a value of :data:`watchword.stores.contract.EndReason`.
    """

    name = "session_ended"

    reason: str


class SessionsEnded(Act, frozen=True, kw_only=True):
    """All sessions of a subject were ended on request. Each live session also has its own event."""

    name = "sessions_ended"


class SettingsDiffer(Event, frozen=True, kw_only=True):
    """A setting of this node differs from the value that the last started node recorded in the store.

    Attributes:
        setting: the name of the setting.
        here: the value in this node.
        recorded: the recorded value.
    """

    name = "settings_differ"
    level = logging.WARNING

    setting: str
    here: int
    recorded: int
