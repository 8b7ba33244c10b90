"""The commands that an application offers for its own store, in any framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from watchword.cli.groups import CommandGroup, describe_os_error
from watchword.errors import MissingExtra

if TYPE_CHECKING:
    from watchword.auth import Auth
    from watchword.events import Listener
    from watchword.settings import Settings
    from watchword.web.installation import Installation

__all__ = ["ApplicationCommands", "InstallationSource"]

_NAMES = ("account", "database", "key", "token")


class ApplicationCommands(CommandGroup):
    """The commands. Each is imported when it is used, because only then it needs its libraries.

    Attributes:
        extra: the extras of the framework and of its commands.
    """

    extra = "cli"

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """List the names of the commands."""
        return list(_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- as above
        """Return a command, or ``None`` if there is no such command."""
        if cmd_name not in _NAMES:
            return None
        try:
            command: click.Command = getattr(import_module(f"watchword.cli.{cmd_name}"), cmd_name)
        except (MissingExtra, ModuleNotFoundError) as error:
            if not isinstance(error, MissingExtra) and (error.name or "").partition(".")[0] != "rich":
                raise
            raise click.ClickException(str(MissingExtra.from_extra(self.extra))) from None
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and print an error of the system as a sentence."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click ends quietly if the output's reader has gone
        except OSError as error:
            raise click.ClickException(describe_os_error(error)) from None


class InstallationSource(ABC):
    """The store of an extension in an application.

    Args:
        prefix: the prefix of the extension. ``None`` for the extension that counts without a prefix.
    """

    def __init__(self, prefix: str | None) -> None:
        self._prefix = prefix

    @property
    def settings(self) -> Settings:
        """The settings of the extension."""
        return self._installation.settings

    @property
    def database_url(self) -> str | None:
        """The URL of the database, or ``None`` if the application opens its own store."""
        return self._installation.settings.database_url if self._installation.opens_database else None

    def open(self, listener: Listener) -> AbstractContextManager[Auth]:
        """Open the store with all that the application gives its Auth."""
        return self._installation.open_for_command(listener)

    @cached_property
    def _installation(self) -> Installation:
        return self._find_installation()

    @abstractmethod
    def _find_installation(self) -> Installation:
        """Return what the extension has.

        Raises:
            InvalidSettings: no extension has this prefix, or the extension has no accounts.
        """
