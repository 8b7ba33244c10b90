"""``manage.py watchword ...``: the commands for the store of a Django project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from django.urls import get_resolver

from watchword.cli.application_commands import ApplicationCommands, InstallationSource
from watchword.cli.hints import suggest_command, use_program
from watchword.cli.store import use_source
from watchword.errors import InvalidSettings
from watchword.web.django import auth
from watchword.web.django.extension import list_extensions

if TYPE_CHECKING:
    from watchword.web.installation import Installation

__all__ = ["DjangoSource", "run_command"]


class _DjangoCommands(ApplicationCommands):
    """The commands, with hints that begin with ``python manage.py``."""

    extra = "django,cli"


@click.group("watchword", cls=_DjangoCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--prefix",
    metavar="PATH",
    help="The extension whose endpoints are at this path. By default the extension of the settings.",
)
@click.pass_context
def _watchword(context: click.Context, prefix: str | None) -> None:
    """Manage accounts, keys and tokens of this project's login.

    Settings come from the project: WATCHWORD in its settings, and WATCHWORD_... in the environment.
    """
    use_program(context, "python", ["manage.py", "watchword"])
    use_source(context, DjangoSource(prefix))
    if context.invoked_subcommand == "account" and prefix is None and auth.has_django_users:
        click.echo(
            "Accounts cannot log in to this project, because Django's users do. "
            "`python manage.py createsuperuser` makes a user. "
            'WATCHWORD["USERS"] = "accounts" lets accounts log in instead',
            err=True,
        )


def run_command(arguments: Sequence[str], *, standalone: bool) -> None:
    """Run a command line.

    Args:
        arguments: what stands after ``manage.py watchword``.
        standalone: whether to print errors and end the process. Otherwise errors of click are raised.
    """
    _watchword.main(list(arguments), prog_name="manage.py watchword", standalone_mode=standalone)


class DjangoSource(InstallationSource):
    """The store of an extension of the Django project.

    Args:
        prefix: the prefix of the extension. The default is the extension of the settings.
    """

    url_name = 'WATCHWORD["DATABASE_URL"]'

    def explain_missing(self, file: Path) -> str:
        """Return the sentence about a database file that does not exist."""
        return (
            f"there is no database {file}. `{suggest_command('account add')}` makes it, and so does "
            "`python manage.py migrate`"
        )

    def _find_installation(self) -> Installation:
        found = auth.installation if self._prefix is None else _find_by_prefix(self._prefix)
        if not found.has_accounts:
            raise InvalidSettings(
                "this project verifies the tokens of another service, so it has no accounts and keys"
            )
        return found


def _find_by_prefix(prefix: str) -> Installation:
    """Return what the extension with a prefix has.

    Raises:
        InvalidSettings: no extension of the project has this prefix.
    """
    _ = get_resolver().url_patterns  # This imports the modules that make extensions.
    found = {each.installation.settings.prefix: each.installation for each in list_extensions()}
    if prefix in found:
        return found[prefix]
    known = ", ".join(map(repr, found))
    raise InvalidSettings(
        f"--prefix {prefix!r} is not the prefix of an extension of this project. Its extensions have: {known}"
    )
