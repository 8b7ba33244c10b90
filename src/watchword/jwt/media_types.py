"""Compare the media types in headers: ``typ`` and ``cty`` (RFC 7515 §4.1.9, §4.1.10)."""

from __future__ import annotations

__all__ = ["JWT", "normalize_media_type"]

JWT = "application/jwt"


def normalize_media_type(name: str) -> str:
    """Normalize a ``typ`` or ``cty``, so that two of them can be compared."""
    if not name.isascii():
        return name  # It equals no registered type. lower() would turn some of these letters into ASCII.
    lowered = name.lower()
    return lowered if "/" in lowered else "application/" + lowered
