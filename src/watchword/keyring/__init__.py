"""Which key, when."""

from watchword.keyring.ring import Keyring, Ring

__all__ = ["Keyring", "Ring"]
