"""Where state lives."""

from watchword.stores.opening import open_store

__all__ = ["open_store"]
