"""The settings that the nodes of one audience have to share, as they are recorded in the store.

The node that started last records its own. All nodes follow what is recorded, so that no node accepts what
another node refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from watchword.events import Event, SettingsDiffer
from watchword.settings import LARGEST_LEEWAY, Settings
from watchword.stores.contract import SessionStore

__all__ = ["SettingsRecord", "SharedSettings"]

_Seconds = Annotated[int, msgspec.Meta(ge=1)]


class SharedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that are recorded. :class:`~watchword.settings.Settings` explains them."""

    access_lifetime: _Seconds
    idle_lifetime: _Seconds
    session_lifetime: _Seconds
    refresh_window: _Seconds
    leeway: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_LEEWAY)]


class SettingsRecord:
    """What the nodes of our audience have recorded, as this process knows it.

    Args:
        store: where it is recorded.
        settings: those of this node.
        notify: told of each setting that differs.

    Attributes:
        recorded: what is recorded, as of the last poll; this node's own settings before it.
    """

    def __init__(self, store: SessionStore, settings: Settings, *, notify: Callable[[Event], None]) -> None:
        self._store = store
        self._audience = settings.audience
        self._notify = notify
        self._own = SharedSettings(
            **{name: getattr(settings, name) for name in SharedSettings.__struct_fields__}
        )
        self.recorded = self._own
        self._seen: str | None = None

    def follow(self, text: str) -> SharedSettings:
        """Return what is recorded now, and record this node's settings if it has just started.

        Args:
            text: what a poll brought.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if text == self._seen:
            return self.recorded
        recorded = _read(text)
        found = recorded.get(self._audience)
        if found is not None:
            self._tell_differences(found)
        if self._seen is None and found != self._own:
            # This node has just started: its settings count, as soon as no other node records at this moment.
            ours = msgspec.json.encode(recorded | {self._audience: self._own}, order="sorted").decode()
            self._seen = ours if self._store.record_settings(ours, expected=text) else None
            return self.recorded
        self._seen = text
        self.recorded = found or self._own
        return self.recorded

    def find_differences(self) -> tuple[str, ...]:
        """Return the names of the settings in which this node differs from what is recorded."""
        return tuple(
            name
            for name in SharedSettings.__struct_fields__
            if getattr(self._own, name) != getattr(self.recorded, name)
        )

    def _tell_differences(self, found: SharedSettings) -> None:
        for name in SharedSettings.__struct_fields__:
            here, recorded = getattr(self._own, name), getattr(found, name)
            if here != recorded:
                self._notify(SettingsDiffer(setting=name, here=here, recorded=recorded))


def _read(text: str) -> dict[str, SharedSettings]:
    try:
        return msgspec.json.decode(text, type=dict[str, SharedSettings])
    except msgspec.MsgspecError:  # nothing yet, or by a version of ours that has others
        return {}
