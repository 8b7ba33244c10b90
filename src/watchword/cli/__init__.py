"""The command line, ``watchword ...``."""

from __future__ import annotations

import sys

from watchword.errors import MissingExtra

__all__ = ["run"]


def run() -> None:
    """Run the command, or print which extra it needs."""
    try:
        from watchword.cli.main import main  # noqa: PLC0415 - needs the extra `server`
    except MissingExtra:
        sys.exit(f"Error: {MissingExtra.from_extra('server')}")
    main()
