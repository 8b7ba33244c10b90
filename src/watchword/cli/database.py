"""``watchword database``: how far the database's schema is, and bringing it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchword.cli.hints import suggest_command
from watchword.cli.store import find_database_url
from watchword.stores import copy_database, open_sql_stores, schema_status

if TYPE_CHECKING:
    from watchword.stores.sql.database import SchemaStatus

__all__ = ["database"]


@click.group()
def database() -> None:
    """Copy the database, see how far its schema is, and upgrade it.

    Every server upgrades the schema when it starts. `upgrade` does it before.
    """


@database.command()
def status() -> None:
    """Show the database's software and the version of its schema; change nothing."""
    found = schema_status(find_database_url())
    click.echo(f"backend: {found.backend}")
    click.echo(f"schema in the database: {found.version or 'none'}")
    click.echo(f"newest schema known here: {found.newest}")
    click.echo(_what_to_do(found), err=True)


@database.command()
def upgrade() -> None:
    """Bring the schema to the newest version, or make the tables. Of several who do it at once one does."""
    url = find_database_url()
    before = schema_status(url)
    open_sql_stores(url).close()
    after = schema_status(url)
    if before.version == after.version:
        click.echo(f"Schema version {after.version} is the newest already")
    elif before.version:
        click.echo(f"Upgraded from schema version {before.version} to {after.version}")
    else:
        click.echo(f"Made the tables, with schema version {after.version}")


@database.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the SQLite database to the new FILE, while servers go on.

    The copy has everything that was acknowledged. A copy of the database file alone may lack the last hours,
    which stand in the file beside it.
    """
    url = find_database_url()
    copy_database(url, file)
    click.echo(f"Copied the database to {file}")
    click.echo(
        "Its keys are sealed: keep the secret too (WATCHWORD_SECRET, or the file "
        f"{url.partition(':///')[2]}.secret), but not in the same place",
        err=True,
    )


def _what_to_do(found: SchemaStatus) -> str:
    if found.version > found.newest:
        return "A newer Watchword upgraded it; run that one"
    if found.version < found.newest:
        return (
            f"`{suggest_command('database upgrade')}` brings it up to date, as does any server when it starts"
        )
    return "It is up to date"
