"""Where state lives: open the stores that settings or a URL name."""

from typing import TYPE_CHECKING

from watchword.deprecation import make_getattr
from watchword.stores.contract import Stores
from watchword.stores.opening import (
    copy_database,
    find_database_file,
    find_schema_status,
    has_tables,
    is_in_memory,
    list_tables,
    open_sql_stores,
    open_stores,
    resolve_settings,
    upgrade_schema,
)
from watchword.stores.schema_status import SchemaStatus, SchemaUpgrade

__all__ = [
    "SchemaStatus",
    "SchemaUpgrade",
    "Stores",
    "copy_database",
    "find_database_file",
    "find_schema_status",
    "has_tables",
    "is_in_memory",
    "list_tables",
    "open_sql_stores",
    "open_stores",
    "resolve_settings",
    "upgrade_schema",
]

if not TYPE_CHECKING:  # A type checker would accept any name of a module with this function.
    __getattr__ = make_getattr(__name__, {"open_store": f"{__name__}.open_sql_stores"})
