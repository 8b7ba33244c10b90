"""The file of an SQLite database: its mode, its owner, and whether it is still the same file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TypeAlias

from watchword.errors import InvalidSettings

__all__ = ["FileId", "create_file", "identify_file"]

FileId: TypeAlias = tuple[int, int]
"""The identity of a file, which another file in its place does not have."""


def create_file(path: Path) -> None:
    """Make the file with mode 0600 if it is missing. SQLite copies the mode to ``-wal`` and ``-shm``.

    Raises:
        InvalidSettings: this process may not use the file, or may not write to its directory.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if path.is_file():
            _check_access(path)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        raise _describe_refusal(path.parent, error.strerror) from None


def _check_access(path: Path) -> None:
    # Both are needed: SQLite keeps a log and its index beside the file.
    for needed, rights in ((path, os.R_OK | os.W_OK), (path.parent, os.W_OK | os.X_OK)):
        if not os.access(needed, rights):
            raise _describe_refusal(needed, os.strerror(errno.EACCES))


def _describe_refusal(path: Path, reason: str | None) -> InvalidSettings:
    return InvalidSettings(
        f"database_url: {path} must be readable and writable for the user of this process "
        f"(user id {os.getuid()}): {reason}. Change its owner or mode, or name another file"
    )


def identify_file(path: Path) -> FileId | None:
    """Return the identity of the file at a path. ``None`` if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
