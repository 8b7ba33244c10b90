"""The version of a database's schema, beside the newest version."""

from __future__ import annotations

import msgspec

__all__ = ["SchemaStatus"]


class SchemaStatus(msgspec.Struct, frozen=True):
    """The version of a database's schema, and the newest version.

    Attributes:
        backend: the name and version of the database's software.
        version: the version of the schema in the database. 0 if there are no tables yet.
        newest: the version that this code upgrades to.
    """

    backend: str
    version: int
    newest: int
