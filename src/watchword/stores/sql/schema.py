"""The tables, and the upgrades of older tables.

They live beside an application's own tables, so each name begins with ``watchword_``. Upgrades are numbered
and go forward only. The database keeps the number that it has reached.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Double,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    insert,
    inspect,
    select,
    update,
)

from watchword.errors import InvalidSettings
from watchword.stores.rows import encode_claims

__all__ = [
    "PURGED_TABLES",
    "UPGRADES",
    "accounts",
    "keys",
    "metadata",
    "read_version",
    "remembered",
    "sessions",
    "spent",
    "store",
    "subject_ends",
    "throttles",
    "upgrade",
]


class _Names(TypeDecorator[tuple[str, ...]]):
    """Names separated by spaces, which no name contains: scopes (RFC 6749 §3.3) and methods of a login."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's signature
        return None if value is None else " ".join(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002 -- SQLAlchemy's signature
        return () if value is None else tuple(value.split())


class _Claims(TypeDecorator[Mapping[str, Any]]):
    """The claims of a session. Written as JSON, and read as text: the reader refuses what is not JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's signature
        return encode_claims(value) if value else None


metadata = MetaData()

# A single row, with the state of the whole store.
store = Table(
    "watchword_store",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schema_version", Integer, nullable=False),
    Column("identity", Text, nullable=False),
    Column("end_sequence", BigInteger, nullable=False),
    Column("key_version", BigInteger, nullable=False),
    Column("settings", Text, nullable=False, server_default=""),  # of the nodes
)

sessions = Table(
    "watchword_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False, index=True),
    Column("username", Text, nullable=False),
    Column("scopes", _Names, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("authenticated_at", Double, nullable=False),
    Column("refreshed_at", Double),
    Column("access_until", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("end_reason", Text),
    Column("user_agent", Text),
    Column("ip_address", Text),
    Column("end_sequence", BigInteger, index=True),  # the position in the feed of ends
    Column("keep_until", Double, nullable=False, index=True),  # no operation needs the row afterwards
    Column("audience", Text),
    Column("client_id", Text),
    Column("credentials_version", Integer),
    Column("amr", _Names),
    Column("claims", _Claims),
    Column("lifetime", BigInteger),
)

# When all sessions of a subject were last ended, for as long as a login from before may be running.
subject_ends = Table(
    "watchword_subject_ends",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("end_sequence", BigInteger, nullable=False),
    Column("keep_until", Double, nullable=False, index=True),
)

keys = Table(
    "watchword_keys",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("kid", Text, nullable=False, unique=True),
    Column("alg", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("signs_from", Double, nullable=False),
    Column("compromised_at", Double),
)

accounts = Table(
    "watchword_accounts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("scopes", _Names, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("credentials_version", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
)

throttles = Table(
    "watchword_throttles",
    metadata,
    Column("key", Text, primary_key=True),
    Column("charges", Integer, nullable=False),
    Column("blocked_until", Double, nullable=False),
    Column("keep_until", Double, nullable=False, index=True),
)

remembered = Table(
    "watchword_remembered",
    metadata,
    Column("key", Text, primary_key=True),
    Column("keep_until", Double, nullable=False, index=True),
)

spent = Table(
    "watchword_spent",
    metadata,
    Column("key", Text, primary_key=True),
    Column("attempt", Text, nullable=False),
    Column("keep_until", Double, nullable=False, index=True),
)


PURGED_TABLES = tuple(table for table in metadata.tables.values() if "keep_until" in table.c)
"""The tables whose rows are deleted after their ``keep_until``."""


def upgrade(connection: Connection) -> None:
    """Upgrade the database to the newest schema, inside the caller's write transaction.

    Raises:
        InvalidSettings: a newer Watchword has upgraded the database.
    """
    version = read_version(connection)
    if version > len(UPGRADES):
        raise InvalidSettings(
            f"the database has schema version {version}, and this Watchword knows {len(UPGRADES)} at most. "
            "A newer Watchword has upgraded the database: run the newer version"
        )
    for step in UPGRADES[version:] if version else UPGRADES[:1]:
        step(connection)
    if version < len(UPGRADES):
        connection.execute(update(store).values(schema_version=len(UPGRADES)))


def read_version(connection: Connection) -> int:
    """Return the version of the database's schema. 0 if there are no tables."""
    if not inspect(connection).has_table(store.name):
        return 0
    version: int = connection.execute(select(store.c.schema_version)).scalar_one()
    return version


def _create_tables(connection: Connection) -> None:
    """Make the newest tables. The later steps are for databases with older tables."""
    metadata.create_all(connection)
    connection.execute(
        insert(store).values(
            id=1, schema_version=1, identity=secrets.token_hex(16), end_sequence=0, key_version=0
        )
    )


def _add_rotation(connection: Connection) -> None:
    """Give keys an algorithm, a time from which they sign, and a time of their compromise."""
    for column in (
        "alg TEXT NOT NULL DEFAULT 'EdDSA'",
        "signs_from DOUBLE PRECISION NOT NULL DEFAULT 0",
        "compromised_at DOUBLE PRECISION",
    ):
        connection.exec_driver_sql(f"ALTER TABLE {keys.name} ADD COLUMN {column}")
    connection.execute(update(keys).values(signs_from=keys.c.created_at))
    connection.execute(update(keys).where(keys.c.kind == "internal").values(alg="HS256"))


def _add_one_time(connection: Connection) -> None:
    """Make the table for tokens that work once."""
    spent.create(connection)


def _bind_sessions(connection: Connection) -> None:
    """Give sessions an audience, a client and a version of their account. Give nodes a record of settings.

    The audience and the client stay unknown until the next swap of a session.
    """
    for column in ("audience TEXT", "client_id TEXT", "credentials_version INTEGER"):
        connection.exec_driver_sql(f"ALTER TABLE {sessions.name} ADD COLUMN {column}")
    version = select(accounts.c.credentials_version).where(accounts.c.subject == sessions.c.subject)
    connection.execute(update(sessions).values(credentials_version=version.scalar_subquery()))
    subject_ends.create(connection)
    connection.exec_driver_sql(f"ALTER TABLE {store.name} ADD COLUMN settings TEXT NOT NULL DEFAULT ''")


def _record_logins(connection: Connection) -> None:
    """Give sessions the methods, the claims and the lifetime of their login."""
    for column in ("amr TEXT", "claims TEXT", "lifetime BIGINT"):
        connection.exec_driver_sql(f"ALTER TABLE {sessions.name} ADD COLUMN {column}")


UPGRADES: tuple[Callable[[Connection], None], ...] = (
    _create_tables,
    _add_rotation,
    _add_one_time,
    _bind_sessions,
    _record_logins,
)
