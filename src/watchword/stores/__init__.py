"""Where state lives."""

from watchword.stores.opening import (
    copy_database,
    find_database_file,
    open_split_store,
    open_store,
    resolve_settings,
    schema_status,
)

__all__ = [
    "copy_database",
    "find_database_file",
    "open_split_store",
    "open_store",
    "resolve_settings",
    "schema_status",
]
