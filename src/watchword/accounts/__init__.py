"""Accounts: usernames and passwords, and the brakes on guessing them. Needs the extra ``passwords``."""

from watchword.accounts.accounts import Accounts
from watchword.accounts.passwords import PasswordHasher
from watchword.accounts.throttle import LoginThrottle
from watchword.accounts.throttled_check import ThrottledCheck

__all__ = ["Accounts", "LoginThrottle", "PasswordHasher", "ThrottledCheck"]
