"""Usernames and passwords, and the throttle of logins. Needs the extra ``passwords``."""

from watchword.accounts.accounts import Accounts
from watchword.accounts.passwords import PasswordHasher
from watchword.accounts.throttle import LoginThrottle

__all__ = ["Accounts", "LoginThrottle", "PasswordHasher"]
