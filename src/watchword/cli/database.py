"""``watchword database``: show, upgrade and copy the database."""

from __future__ import annotations

from pathlib import Path

import click

from watchword.cli.hints import suggest_command
from watchword.cli.store import find_database_url
from watchword.stores import SchemaStatus, copy_database, find_schema_status, upgrade_schema

__all__ = ["database"]


@click.group()
def database() -> None:
    """Show, upgrade and copy the database.

    Every server upgrades the schema when it starts. `upgrade` does it earlier.
    """


@database.command("status")
def show_status() -> None:
    """Show the software of the database and the version of its schema."""
    found = find_schema_status(find_database_url())
    click.echo(f"backend: {found.backend}")
    click.echo(f"schema in the database: {found.version or 'none'}")
    click.echo(f"newest schema known here: {found.newest}")
    click.echo(_describe_next_step(found), err=True)


@database.command()
def upgrade() -> None:
    """Upgrade the schema to the newest version, or make the tables.

    If several processes upgrade at once, a single process does it and the others wait.
    """
    click.echo(upgrade_schema(find_database_url()))


@database.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def back_up(file: Path) -> None:
    """Copy the SQLite database to a new FILE.

    Servers may be running. The copy has every acknowledged change. A plain copy of the database file may lack
    the last hours, which are in the -wal file beside it.
    """
    url = find_database_url()
    copy_database(url, file)
    click.echo(f"Copied the database to {file}")
    click.echo(
        "Its keys are sealed: keep the secret too (WATCHWORD_SECRET, or the file "
        f"{url.partition(':///')[2]}.secret), but not in the same place",
        err=True,
    )


def _describe_next_step(found: SchemaStatus) -> str:
    if found.version > found.newest:
        return "A newer Watchword upgraded the schema. Run that version"
    if found.version < found.newest:
        return f"`{suggest_command('database upgrade')}` upgrades the schema, as does any server at its start"
    return "The schema is up to date"
