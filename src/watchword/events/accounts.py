"""Events of accounts. All of them are acts."""

from __future__ import annotations

from watchword.events.event import Act

__all__ = [
    "AccountCreated",
    "AccountDeleted",
    "AccountDisabled",
    "AccountEnabled",
    "AccountRenamed",
    "PasswordChanged",
    "ScopesChanged",
]


class AccountCreated(Act, frozen=True, kw_only=True):
    """An account was created."""

    name = "account_created"


class AccountDeleted(Act, frozen=True, kw_only=True):
    """An account was deleted."""

    name = "account_deleted"


class AccountDisabled(Act, frozen=True, kw_only=True):
    """An account was disabled."""

    name = "account_disabled"


class AccountEnabled(Act, frozen=True, kw_only=True):
    """An account was enabled."""

    name = "account_enabled"


class AccountRenamed(Act, frozen=True, kw_only=True):
    """An account was given another username."""

    name = "account_renamed"


class PasswordChanged(Act, frozen=True, kw_only=True):
    """An account was given another password."""

    name = "password_changed"


class ScopesChanged(Act, frozen=True, kw_only=True):
    """An account was given other scopes.

    Attributes:
        scopes: the new scopes.
    """

    name = "scopes_changed"

    scopes: tuple[str, ...]
