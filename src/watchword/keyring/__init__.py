"""Which key, when."""

from watchword.keyring.ring import Keyring, Ring
from watchword.keyring.schedule import Schedule

__all__ = ["Keyring", "Ring", "Schedule"]
