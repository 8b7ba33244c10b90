"""Accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

__all__ = ["Account", "AccountStore"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A username with a password.

    Attributes:
        subject: random, never reused.
        username: as it was typed, NFKC-normalized.
        name_key: the case-folded form under which it is unique.
        password_hash: argon2id, in PHC form; never shown.
        scopes: what a login is granted.
        disabled: a disabled account cannot log in.
        credentials_version: grows with each change that must end the sessions before it.
        created_at: when it was made.
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
    """Accounts. SQL only: Redis is for what may be rebuilt."""

    def insert_account(
        self, *, subject: str, username: str, name_key: str, password_hash: str, scopes: tuple[str, ...]
    ) -> Account | None:
        """Insert an account; ``None`` if the name is taken. A repeat with one subject returns the row."""
        ...

    def find_account(self, *, name_key: str | None = None, subject: str | None = None) -> Account | None:
        """The account of that name or that subject (give exactly one)."""
        ...

    def list_accounts(self) -> Sequence[Account]:
        """All accounts, by name."""
        ...

    def set_password(self, subject: str, password_hash: str, *, version: int) -> bool:
        """Set a new password and raise ``credentials_version``, only if it is still ``version``.

        A repeat with the same hash after a lost connection is told that it was done.
        """
        ...

    def set_scopes(self, subject: str, scopes: tuple[str, ...]) -> bool:
        """Set the scopes; whether there is such an account. Keeps the version."""
        ...

    def rename_account(self, subject: str, username: str, name_key: str) -> bool:
        """Give an account another name; whether it has it now. Keeps the version.

        Not if another account has that name, or if there is no such account.
        """
        ...

    def replace_hash(self, subject: str, old: str, new: str) -> bool:
        """Swap the same password's hash for a better one, only if it is still ``old``; keeps the version."""
        ...

    def set_disabled(self, subject: str, disabled: bool) -> bool:
        """Disable or enable, and raise ``credentials_version``; whether there is such an account."""
        ...

    def delete_account(self, subject: str) -> bool:
        """Delete the account; whether it was there. Its sessions and their ends stay until they expire."""
        ...
