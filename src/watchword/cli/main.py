"""The ``watchword`` command."""

from __future__ import annotations

import os
import sys
from typing import Any

from watchword.errors import MissingExtra

try:
    import click

    from watchword.cli.account import account
    from watchword.cli.database import database
    from watchword.cli.groups import CommandGroup, describe_os_error
    from watchword.cli.key import key
    from watchword.cli.serve import serve
    from watchword.cli.token import token
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"click", "rich"}:
        raise
    raise MissingExtra.from_extra("server") from None

__all__ = ["main"]


class _Program(CommandGroup):
    """The whole program. A failure to write its output becomes a line on standard error, too."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().main(*arguments, **options)  # click ends quietly if the output's reader has gone
        except OSError as error:
            _discard_output()
            click.echo(f"Error: {describe_os_error(error)}", err=True)
            sys.exit(1)


def _discard_output() -> None:
    """Keep Python from writing the output again at its end, with a traceback and another exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="watchword")
def main() -> None:
    """JWT login: serve it, manage its accounts and keys, inspect its tokens.

    Settings come from the environment: DATABASE_URL (sqlite:///watchword.db by default) and WATCHWORD_...
    """


main.add_command(serve)
main.add_command(account)
main.add_command(database)
main.add_command(key)
main.add_command(token)
