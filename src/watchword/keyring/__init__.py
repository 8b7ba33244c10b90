"""Our own keys: sealed in the store, rotated on a schedule, the same on every node."""

from watchword.keyring.keyring import Keyring
from watchword.keyring.ring import Ring
from watchword.keyring.schedule import Phase, Schedule, plan_schedules

__all__ = ["Keyring", "Phase", "Ring", "Schedule", "plan_schedules"]
