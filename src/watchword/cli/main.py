"""The ``watchword`` command."""

from __future__ import annotations

import os
import sys
from typing import Any

from watchword.errors import MissingExtra, WatchwordError

try:
    import click

    from watchword.cli.account import account
    from watchword.cli.database import database
    from watchword.cli.key import key
    from watchword.cli.serve import serve
    from watchword.cli.token import token
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"click", "rich"}:
        raise
    raise MissingExtra.from_extra("server") from None

__all__ = ["main"]


class _Commands(click.Group):
    """Commands whose errors are sentences, not tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WatchwordError as error:
            raise click.ClickException(str(error)) from None

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().main(*arguments, **options)  # it ends quietly if the output's reader is gone
        except OSError as error:
            _let_go_of_output()
            click.echo(f"Error: {_sentence(error)}", err=True)
            sys.exit(1)


def _sentence(error: OSError) -> str:
    """Say what went wrong, with the file and what to do about it."""
    reason = error.strerror or type(error).__name__
    if error.filename is None:
        return reason
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else error.filename
    if isinstance(error, PermissionError):
        return f"{place}: {reason}. Run as the user that owns it, or change its owner or mode"
    return f"{place}: {reason}"


def _let_go_of_output() -> None:
    """Python would try once more to write it at its end, with a traceback and an exit status of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="watchword")
def main() -> None:
    """JWT login: serve it, look after its accounts and keys, look at its tokens.

    Settings come from the environment: DATABASE_URL (sqlite:///watchword.db by default) and WATCHWORD_...
    """


main.add_command(serve)
main.add_command(account)
main.add_command(database)
main.add_command(key)
main.add_command(token)
