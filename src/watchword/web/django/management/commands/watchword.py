"""``manage.py watchword account|database|key|token ...``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from watchword.errors import MissingExtra

__all__ = ["Command"]


class Command(BaseCommand):
    """Runs the commands for the store of this project."""

    help = "Manage accounts, keys and tokens of this project's login."
    requires_system_checks = ()  # A command may be what repairs the project.

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept any arguments. The commands parse them."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run a command line, and print its errors as the commands do."""
        self._run(_remove_django_options(argv[2:]), standalone=True)

    def handle(self, *_: Any, **options: Any) -> None:
        """Run for ``call_command("watchword", "account", "list")``.

        Raises:
            CommandError: the command has failed.
        """
        with redirect_stdout(options.get("stdout")):
            self._run(options["arguments"], standalone=False)

    def _run(self, arguments: Sequence[str], *, standalone: bool) -> None:
        try:
            # The command line stands above this room, which only Django's lookup of commands must know.
            commands = import_module("watchword.cli.django_commands")
        except ModuleNotFoundError as error:
            if error.name not in {"click", "rich"}:
                raise
            raise CommandError(str(MissingExtra.from_extra("django,cli"))) from None
        try:
            commands.run_command(arguments, standalone=standalone)
        except Exception as error:
            if hasattr(error, "format_message"):  # an error of click
                raise CommandError(error.format_message()) from None
            raise


def _remove_django_options(arguments: list[str]) -> list[str]:
    """Return the arguments without the options that ``manage.py`` has read already."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--settings")
    parser.add_argument("--pythonpath")
    return parser.parse_known_args(arguments)[1]
