"""Which key, when."""

from watchword.keyring.ring import Keyring, Ring
from watchword.keyring.schedule import Phase, Schedule, schedules

__all__ = ["Keyring", "Phase", "Ring", "Schedule", "schedules"]
