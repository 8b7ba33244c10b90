"""Hints that can be copied to a shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["runnable"]


def runnable(arguments: str) -> str:
    """Return a line that runs ``watchword`` with these arguments in this command's folder.

    ``watchword`` alone is not found where it was run by its path, as in ``.venv/bin/watchword``.
    """
    return f"{_program()} {arguments}"


def _program() -> str:
    run = Path(sys.argv[0])
    found = shutil.which("watchword")
    if run.name != "watchword" or not run.exists() or (found and run.samefile(found)):
        return "watchword"
    return shlex.quote(str(run))
