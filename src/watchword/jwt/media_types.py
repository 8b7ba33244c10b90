"""Media types in headers: ``typ`` and ``cty`` (RFC 7515 §4.1.9, §4.1.10)."""

from __future__ import annotations

__all__ = ["JWT", "media_type"]

JWT = "application/jwt"


def media_type(name: str) -> str:
    """A ``typ`` or ``cty`` in the form in which two of them can be compared."""
    if not name.isascii():
        return name  # equals nothing that was registered; lower() turns some other letters into ASCII
    lowered = name.lower()
    return lowered if "/" in lowered else "application/" + lowered
