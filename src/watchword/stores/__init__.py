"""Where state lives."""

from watchword.stores.opening import open_split_store, open_store, schema_status

__all__ = ["open_split_store", "open_store", "schema_status"]
