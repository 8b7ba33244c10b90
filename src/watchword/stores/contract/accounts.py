"""The port for accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

__all__ = ["Account", "AccountStore"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A username with a password.

    Attributes:
        subject: random and never reused.
        username: the name as it was typed, in Unicode's form NFKC.
        name_key: the case-folded name, which is unique.
        password_hash: argon2id, in PHC form. It is never shown.
        scopes: what a login is granted.
        disabled: whether logins are refused.
        credentials_version: grows with each change that must end the sessions before it.
        created_at: when the account was made.
    """

    subject: str
    username: str
    name_key: str
    password_hash: str
    scopes: tuple[str, ...]
    disabled: bool
    credentials_version: int
    created_at: float

    def __repr__(self) -> str:
        return f"Account(subject={self.subject!r}, username={self.username!r}, disabled={self.disabled!r})"


class AccountStore(Protocol):
    """Usernames and password hashes. Ours are in SQL only, because Redis is for state that can be rebuilt."""

    def insert_account(
        self, *, subject: str, username: str, name_key: str, password_hash: str, scopes: tuple[str, ...]
    ) -> Account | None:
        """Insert an account and return it. ``None`` if the name is taken.

        A repeat with the same subject returns the existing row.
        """
        ...

    def find_account(self, *, name_key: str | None = None, subject: str | None = None) -> Account | None:
        """Return the account with a name or a subject. Give either the name or the subject."""
        ...

    def list_accounts(self) -> Sequence[Account]:
        """Return all accounts, sorted by name."""
        ...

    def set_password(self, subject: str, password_hash: str, *, version: int) -> bool:
        """Set a new password and raise ``credentials_version`` if it is still ``version``.

        Returns whether the account has the password: a repeat with the same hash returns true.
        """
        ...

    def set_scopes(self, subject: str, scopes: tuple[str, ...]) -> bool:
        """Set the scopes and keep the version. Return whether the account exists."""
        ...

    def rename_account(self, subject: str, username: str, name_key: str) -> bool:
        """Rename an account and keep the version. Return whether it has the name now.

        Nothing changes if another account has the name, or if the account does not exist.
        """
        ...

    def replace_hash(self, subject: str, old: str, new: str) -> bool:
        """Replace the hash of an unchanged password if it is still ``old``. Keep the version.

        Returns whether the hash was replaced.
        """
        ...

    def set_disabled(self, subject: str, disabled: bool) -> bool:
        """Disable or enable an account and raise ``credentials_version``. Return whether it exists."""
        ...

    def delete_account(self, subject: str) -> bool:
        """Delete an account. Return whether it existed. Its sessions and their ends stay."""
        ...
