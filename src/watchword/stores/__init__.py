"""Where state lives."""

from watchword.stores.opening import open_split_store, open_store, resolve_urls, schema_status

__all__ = ["open_split_store", "open_store", "resolve_urls", "schema_status"]
