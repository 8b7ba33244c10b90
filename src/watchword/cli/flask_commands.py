"""``flask watchword ...``: the commands for the store of a Flask application.

Flask imports this module before each of its own commands, through the entry point ``flask.commands``. So the
module imports what Flask has anyway, and the commands only when they are asked for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import has_app_context
from flask.cli import ScriptInfo

from watchword.cli.application_commands import ApplicationCommands, InstallationSource
from watchword.cli.hints import suggest_command, use_program
from watchword.errors import InvalidSettings

if TYPE_CHECKING:
    from watchword.web.installation import Installation

__all__ = ["ApplicationSource", "watchword"]


class _FlaskCommands(ApplicationCommands):
    """The commands, with hints that begin as the command line did."""

    extra = "flask,cli"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)  # what comes after the name of the command
        before = len(sys.argv) - len(rest) - 1
        is_command_line = sys.argv[before + 1 :] == rest  # not if a program calls the group
        use_program(ctx, "flask", sys.argv[1:before] if is_command_line else ["watchword"])
        return rest


@click.group("watchword", cls=_FlaskCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--prefix",
    metavar="PATH",
    help="The extension whose endpoints are at this path. By default the first extension.",
)
@click.pass_context
def watchword(context: click.Context, prefix: str | None) -> None:
    """Manage accounts, keys and tokens of this application's login.

    Settings come from the application: its code, its app.config, and WATCHWORD_... in the environment.
    """
    from watchword.cli.store import use_source  # noqa: PLC0415 - imports Auth, which is large

    use_source(context, ApplicationSource(context.ensure_object(ScriptInfo), prefix))


class ApplicationSource(InstallationSource):
    """The store of a Watchword extension in the Flask application of the running command.

    Args:
        script: finds the application.
        prefix: the prefix of the extension. The default is the first extension.
    """

    url_name = "WATCHWORD_DATABASE_URL"

    def __init__(self, script: ScriptInfo, prefix: str | None = None) -> None:
        super().__init__(prefix)
        self._script = script

    def explain_missing(self, file: Path) -> str:
        """Return the sentence about a database file that does not exist."""
        return (
            f"there is no database {file}. `{suggest_command('account add')}` makes it, and so does the "
            "application when it first needs it"
        )

    def _find_installation(self) -> Installation:
        from watchword.web.flask.installations import list_installations  # noqa: PLC0415 - see the module

        app = self._script.load_app()
        if not has_app_context():
            # The application's own functions may need its context, as in any command of an application.
            click.get_current_context().with_resource(app.app_context())
        found = [each for each in list_installations(app) if each.has_accounts]
        if not found:
            raise InvalidSettings(
                f"the application {app.name!r} has no Watchword extension with accounts and keys. "
                "Make one with `Watchword(app)` (docs/flask.md)"
            )
        if self._prefix is None:
            return found[0]
        for each in found:
            if each.settings.prefix == self._prefix:
                return each
        known = ", ".join(repr(each.settings.prefix) for each in found)
        raise InvalidSettings(
            f"--prefix {self._prefix!r} is not the prefix of an extension of the application {app.name!r}. "
            f"Its extensions have: {known}"
        )
