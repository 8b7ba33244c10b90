"""Usernames and passwords, and the throttle of logins. Needs the extra ``passwords``."""

from watchword.accounts.accounts import Accounts, check_new_account
from watchword.accounts.passwords import PasswordHasher
from watchword.accounts.throttle import LoginThrottle

__all__ = ["Accounts", "LoginThrottle", "PasswordHasher", "check_new_account"]
