"""Where state lives: open the stores that settings or a URL name."""

from watchword.stores.contract import Stores
from watchword.stores.opening import (
    copy_database,
    find_database_file,
    open_sql_stores,
    open_stores,
    resolve_settings,
    schema_status,
)

__all__ = [
    "Stores",
    "copy_database",
    "find_database_file",
    "open_sql_stores",
    "open_stores",
    "resolve_settings",
    "schema_status",
]
