"""A finding: what is wrong, how bad it is, and what to do."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding"]


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with an installation.

    Attributes:
        id: the stable name of the finding, such as ``E001`` or ``W001``. docs/django.md lists them.
        message: what is wrong. It contains no secret.
        hint: what to do about it.
    """

    id: str
    message: str
    hint: str

    @property
    def level(self) -> Literal["error", "warning"]:
        """``error`` if Watchword does not work with it, and ``warning`` if it works but is not safe."""
        return "error" if self.id.startswith("E") else "warning"
