"""Accounts: who may log in with a password.

Changing, disabling and deleting an account does not end its sessions. They belong to another room: the front
desk ends them, after the change has committed here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from watchword.accounts import usernames
from watchword.accounts.passwords import PasswordHasher
from watchword.errors import (
    AccountNotFound,
    InvalidCredentials,
    Overloaded,
    PasswordRejected,
    UsernameRejected,
    UsernameTaken,
)
from watchword.events import (
    AccountCreated,
    AccountDeleted,
    AccountDisabled,
    AccountEnabled,
    Event,
    PasswordChanged,
    log_event,
)
from watchword.settings import Settings
from watchword.stores.contract import Account, AccountStore, checked_scopes

__all__ = ["Accounts"]


class Accounts:
    """The accounts in a store.

    Every operation also raises :class:`~watchword.errors.StoreUnavailable` when the store does not answer.

    Each change is an event. Its ``actor`` is the argument, or else the subject of the running request.

    Args:
        store: where they are kept.
        settings: ``password_min`` counts here.
        hasher: makes and checks the passwords' hashes.
        notify: told of each change of an account.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        settings: Settings,
        hasher: PasswordHasher,
        notify: Callable[[Event], None] = log_event,
    ) -> None:
        self._store = store
        self._settings = settings
        self._hasher = hasher
        self._notify = notify

    def check(self, username: str, password: str) -> Account:
        """The account whose username and password these are.

        A hash of other parameters than today's is replaced on the way.

        Raises:
            InvalidCredentials: there is no such account, the password is wrong, or the account is disabled.
                The answer does not tell which, nor does the work that it took.
        """
        account = self._named(username)
        # Before any early return: whoever measures the answer's time sees one verification in each case.
        good = self._hasher.verify(account.password_hash if account else None, password)
        if account is None or not good or account.disabled:
            raise InvalidCredentials
        self._rehash(account, password)
        return account

    def add(
        self, username: str, password: str, scopes: Iterable[str] = (), *, actor: str | None = None
    ) -> Account:
        """A new account, with a random subject that is never used again.

        Raises:
            UsernameRejected: the username is empty, too long, or has characters that cannot be seen.
            UsernameTaken: there is an account of that name, perhaps in other letter case.
            PasswordRejected: the password is too short, too long, or the username.
            InvalidSettings: a scope is not of RFC 6749's form.
        """
        username, scopes = usernames.accepted(username), checked_scopes(scopes)
        account = self._store.insert_account(
            subject=secrets.token_urlsafe(16),
            username=username,
            name_key=usernames.folded(username),
            password_hash=self._new_hash(username, password),
            scopes=scopes,
        )
        if account is None:
            raise UsernameTaken
        self._notify(AccountCreated(subject=account.subject, actor=actor))
        return account

    def find(self, username: str) -> Account:
        """The account of that name.

        Raises:
            AccountNotFound: there is none.
        """
        account = self._named(username)
        if account is None:
            raise AccountNotFound
        return account

    def by_subject(self, subject: str) -> Account | None:
        """The account of that subject, or ``None``."""
        return self._store.find_account(subject=subject)

    def all(self) -> Sequence[Account]:
        """All accounts, by name."""
        return self._store.accounts()

    def change_password(self, subject: str, password: str, *, actor: str | None = None) -> None:
        """Set a new password; the old one need not be known.

        Raises:
            AccountNotFound: there is no such account.
            PasswordRejected: the password is too short, too long, or the username.
        """
        account = self.by_subject(subject)
        if account is None:
            raise AccountNotFound
        _must_exist(self._store.set_password(subject, self._new_hash(account.username, password)))
        self._notify(PasswordChanged(subject=subject, actor=actor))

    def disable(self, subject: str, *, actor: str | None = None) -> None:
        """Let the account log in no more.

        Raises:
            AccountNotFound: there is no such account.
        """
        _must_exist(self._store.set_disabled(subject, True))
        self._notify(AccountDisabled(subject=subject, actor=actor))

    def enable(self, subject: str, *, actor: str | None = None) -> None:
        """Let a disabled account log in again.

        Raises:
            AccountNotFound: there is no such account.
        """
        _must_exist(self._store.set_disabled(subject, False))
        self._notify(AccountEnabled(subject=subject, actor=actor))

    def delete(self, subject: str, *, actor: str | None = None) -> None:
        """Delete the account; its name becomes free, its subject does not.

        Raises:
            AccountNotFound: there is no such account.
        """
        _must_exist(self._store.delete_account(subject))
        self._notify(AccountDeleted(subject=subject, actor=actor))

    def _named(self, username: str) -> Account | None:
        try:
            name_key = usernames.folded(usernames.accepted(username))
        except UsernameRejected:
            return None
        return self._store.find_account(name_key=name_key)

    def _new_hash(self, username: str, password: str) -> str:
        """The hash of a new password that fits NIST SP 800-63B §3.1.1.2: length, no composition rules."""
        if len(password) < self._settings.password_min:
            raise PasswordRejected(f"a password has at least {self._settings.password_min} characters")
        if password.casefold() == username.casefold():
            raise PasswordRejected("a password is not the username")
        return self._hasher.hash(password)

    def _rehash(self, account: Account, password: str) -> None:
        if not self._hasher.needs_rehash(account.password_hash):
            return
        with suppress(Overloaded):  # the password was right, and the next login will renew its hash
            new_hash = self._hasher.hash(password)
            # Swaps only the hash that was checked: a password changed in this moment stays changed.
            self._store.replace_hash(account.subject, account.password_hash, new_hash)


def _must_exist(found: bool) -> None:
    if not found:
        raise AccountNotFound
