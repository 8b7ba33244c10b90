"""Hints that can be copied to a shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

__all__ = ["suggest_command", "use_program"]

_PROGRAM = "watchword.cli.program"  # in the context of click


def suggest_command(arguments: str) -> str:
    """Return the line that runs another command with these arguments, as the user ran this command.

    ``watchword`` alone is not found if the user runs it by its path, as in ``.venv/bin/watchword``.
    """
    context = click.get_current_context(silent=True)
    program = context.meta.get(_PROGRAM) if context else None
    return f"{program or _find_program('watchword')} {arguments}"


def use_program(context: click.Context, name: str, arguments: Sequence[str]) -> None:
    """Let hints begin with a program and its first arguments, as in ``flask --app app watchword``."""
    context.meta[_PROGRAM] = f"{_find_program(name)} {shlex.join(arguments)}"


def _find_program(name: str) -> str:
    run = Path(sys.argv[0])
    if run.name == "__main__.py" and run.parent.name == name:
        return f"python -m {name}"
    found = shutil.which(name)
    if run.name != name or not run.exists() or (found and run.samefile(found)):
        return name
    return shlex.quote(str(run))
