"""Record in the store the settings that all nodes of an audience have to share, and follow the record.

The node that started last records its own settings. All nodes follow the record, so that no node accepts a
token that another node refuses.
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
    """The recorded settings. :class:`~watchword.settings.Settings` explains them."""

    access_lifetime: _Seconds
    idle_lifetime: _Seconds
    session_lifetime: _Seconds
    refresh_window: _Seconds
    leeway: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_LEEWAY)]


class SettingsRecord:
    """The recorded settings of our audience, as this process knows them.

    Args:
        store: the store of the record.
        settings: the settings of this node.
        notify: called with an event for each setting that differs.

    Attributes:
        recorded: the record, as of the last poll. Before the first poll, this node's own settings.
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
        """Return the current record. Record this node's settings if it has just started.

        Args:
            text: the record, as the last poll returned it.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if text == self._seen:
            return self.recorded
        recorded = _read_record(text)
        found = recorded.get(self._audience)
        if found is not None:
            self._report_differences(found)
        if self._seen is None and found != self._own:
            # This node has just started: its settings count, as soon as no other node records at this moment.
            ours = msgspec.json.encode(recorded | {self._audience: self._own}, order="sorted").decode()
            self._seen = ours if self._store.record_settings(ours, expected=text) else None
            return self.recorded
        self._seen = text
        self.recorded = found or self._own
        return self.recorded

    def find_differences(self) -> tuple[str, ...]:
        """Return the names of the settings in which this node differs from the record."""
        return tuple(
            name
            for name in SharedSettings.__struct_fields__
            if getattr(self._own, name) != getattr(self.recorded, name)
        )

    def _report_differences(self, found: SharedSettings) -> None:
        for name in SharedSettings.__struct_fields__:
            here, recorded = getattr(self._own, name), getattr(found, name)
            if here != recorded:
                self._notify(SettingsDiffer(setting=name, here=here, recorded=recorded))


def _read_record(text: str) -> dict[str, SharedSettings]:
    try:
        return msgspec.json.decode(text, type=dict[str, SharedSettings])
    except msgspec.MsgspecError:  # There is no record yet, or another version with other settings wrote it.
        return {}
