"""Groups of commands that print errors as sentences, not as tracebacks."""

from __future__ import annotations

import os
from typing import Any

import click

from watchword.errors import WatchwordError

__all__ = ["CommandGroup", "describe_os_error"]


class CommandGroup(click.Group):
    """A group of commands. An error of Watchword in a command becomes a line on standard error."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except WatchwordError as error:
            raise click.ClickException(str(error)) from None


def describe_os_error(error: OSError) -> str:
    """Return a sentence about an error of the system, with the file and what to do."""
    reason = error.strerror or type(error).__name__
    if error.filename is None:
        return reason
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else error.filename
    if isinstance(error, PermissionError):
        return f"{path}: {reason}. Run as the user that owns it, or change its owner or mode"
    return f"{path}: {reason}"
