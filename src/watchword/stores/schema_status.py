"""The version of a database's schema, and what an upgrade did to it."""

from __future__ import annotations

import msgspec

__all__ = ["SchemaStatus", "SchemaUpgrade"]


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


class SchemaUpgrade(msgspec.Struct, frozen=True):
    """What an upgrade did to the schema of a database.

    Attributes:
        before: the version before the upgrade. 0 if there were no tables.
        after: the version after the upgrade.
    """

    before: int
    after: int

    def __str__(self) -> str:
        if self.before == self.after:
            return f"Schema version {self.after} is the newest already"
        if self.before:
            return f"Upgraded from schema version {self.before} to {self.after}"
        return f"Made the tables, with schema version {self.after}"
