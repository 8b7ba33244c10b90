"""Errors about the caller's own arguments: keys, settings, claims and installed extras."""

from __future__ import annotations

from watchword.errors.root import WatchwordError

__all__ = ["InvalidKey", "InvalidSettings", "MissingExtra", "RotationRefused", "Unissuable", "WeakKey"]


class InvalidKey(WatchwordError):
    """The key cannot be read, or cannot be used in this way."""

    code = "invalid_key"
    description = "the key is not usable"


class WeakKey(InvalidKey):
    """The key is too small for its algorithm (RFC 7518 §3.2, §3.3)."""

    code = "weak_key"
    description = "the key is too weak"


class InvalidSettings(WatchwordError):
    """A setting or an argument is unknown, of the wrong type or out of range."""

    code = "invalid_settings"
    description = "the settings are not usable"


class RotationRefused(WatchwordError):
    """The signing keys cannot be changed in this way, or not now."""

    code = "rotation_refused"
    description = "the signing keys cannot be changed in this way"


class Unissuable(WatchwordError):
    """A token cannot be made of these claims or this header."""

    code = "unissuable"
    description = "a token cannot be made of these claims or this header"


class MissingExtra(WatchwordError, ImportError):
    """An optional dependency is not installed. The message has the command that installs it."""

    code = "missing_extra"
    description = "an optional dependency is not installed"

    @classmethod
    def from_extra(cls, extra: str) -> MissingExtra:
        """Return the error for an extra.

        Args:
            extra: the name of the extra, or several names separated by commas.
        """
        return cls(f"this needs an extra: pip install 'watchword[{extra}]'")
