"""The root of the error tree."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["WatchwordError"]


class WatchwordError(Exception):
    """The root: catch it to catch every error that Watchword raises on purpose.

    Attributes:
        code: the stable name of the error, in snake_case.
        status: the HTTP status of the answer, or ``None`` if the error is the application's mistake.
        description: the message if the raiser gives none.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int | None] = None
    description: ClassVar[str] = "something went wrong"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.description)
