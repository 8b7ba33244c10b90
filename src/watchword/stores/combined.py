"""A record of ports as the single object that ``Auth.store`` was."""

from __future__ import annotations

from typing import Any

from watchword.stores.contract import Stores

__all__ = ["CombinedStore"]

_RENAMED = {"keys": "list_keys", "accounts": "list_accounts", "live_sessions": "list_live_sessions"}


class CombinedStore:
    """Finds each attribute in the port that has it. Deprecated: use the ports of a Stores record.

    Args:
        stores: the record.
    """

    def __init__(self, stores: Stores) -> None:
        parts = (stores.sessions, stores.keys, stores.accounts, stores.throttles, stores.one_time, stores)
        vars(self)["_parts"] = parts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find_parts(name)[0], _RENAMED.get(name, name))

    def __setattr__(self, name: str, value: Any) -> None:
        for part in self._find_parts(name):
            setattr(part, _RENAMED.get(name, name), value)

    def _find_parts(self, name: str) -> list[Any]:
        found = [part for part in vars(self)["_parts"] if hasattr(part, _RENAMED.get(name, name))]
        if not found:
            raise AttributeError(f"no store has the attribute {name!r}")
        return found
