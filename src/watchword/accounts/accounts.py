"""Accounts: who may log in with a password.

Changing the password of an account and disabling it ends its sessions after the change has committed.
Deleting an account ends its sessions first. Sessions belong to another room, which stands behind the port
:class:`AccountSessions`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from watchword.accounts import usernames
from watchword.accounts.password_policy import PasswordPolicy
from watchword.accounts.passwords import PasswordHasher
from watchword.deprecation import warn_renamed
from watchword.errors import (
    AccountNotFound,
    InvalidCredentials,
    Overloaded,
    StoreUnavailable,
    UsernameRejected,
    UsernameTaken,
)
from watchword.events import (
    AccountCreated,
    AccountDeleted,
    AccountDisabled,
    AccountEnabled,
    AccountRenamed,
    Event,
    PasswordChanged,
    ScopesChanged,
    log_event,
)
from watchword.settings import Settings
from watchword.stores.contract import Account, AccountStore, EndReason, checked_scopes

__all__ = ["AccountSessions", "Accounts"]


class AccountSessions(Protocol):
    """The sessions of accounts, as far as a change of an account concerns them."""

    def end_all(self, subject: str, reason: EndReason, keep: str | None = None) -> int:
        """End every session of a subject, except ``keep``; how many that were."""
        ...

    def keep(self, session_id: str, subject: str, credentials_version: int) -> None:
        """Let a session go on past a change of its account's credentials."""
        ...


class Accounts:
    """The accounts in a store.

    Every operation also raises :class:`~watchword.errors.StoreUnavailable` when the store does not answer.

    A change that ends sessions may have committed when ending them fails. Then the sessions cannot refresh
    any more, and a repeat of the call ends them.

    Each change is an event. Its ``actor`` is the argument, or else the subject of the running request.

    Args:
        store: where they are kept.
        settings: ``password_min``, ``password_max``, ``issuer`` and ``audience`` count here.
        hasher: makes and checks the passwords' hashes.
        sessions: the sessions that a change ends.
        notify: told of each change of an account.
        breached: whether a new password is known from a breach; see :class:`PasswordPolicy`.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        settings: Settings,
        hasher: PasswordHasher,
        sessions: AccountSessions,
        notify: Callable[[Event], None] = log_event,
        breached: Callable[[str], bool] | None = None,
    ) -> None:
        self._store = store
        self._policy = PasswordPolicy(settings, breached)
        self._hasher = hasher
        self._sessions = sessions
        self._notify = notify

    def check(self, username: str, password: str) -> Account:
        """The account whose username and password these are.

        A hash of other parameters than today's is replaced on the way.

        Raises:
            InvalidCredentials: there is no such account, the password is wrong, or the account is disabled.
                The answer does not tell which, nor does the work that it took.
        """
        account = self._find_by_name(username)
        # Before any early return: whoever measures the answer's time sees one verification in each case.
        good = self._hasher.verify(account.password_hash if account else None, password)
        if account is None or not good or account.disabled:
            raise InvalidCredentials
        self._renew_hash(account, password)
        return account

    def add(
        self, username: str, password: str, scopes: Iterable[str] = (), *, actor: str | None = None
    ) -> Account:
        """A new account, with a random subject that is never used again.

        Raises:
            UsernameRejected: the username is empty, too long, or has characters that cannot be seen.
            UsernameTaken: there is an account of that name, perhaps in other letter case.
            PasswordRejected: the password is too short, too long or easy to guess; its ``reason`` says which.
            InvalidSettings: a scope is not of RFC 6749's form.
        """
        username, scopes = usernames.normalize(username), checked_scopes(scopes)
        account = self._store.insert_account(
            subject=secrets.token_urlsafe(16),
            username=username,
            name_key=usernames.fold(username),
            password_hash=self._check_and_hash(username, password),
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
        account = self._find_by_name(username)
        if account is None:
            raise AccountNotFound
        return account

    def find_by_subject(self, subject: str) -> Account | None:
        """Return the account of a subject, or ``None``."""
        return self._store.find_account(subject=subject)

    def by_subject(self, subject: str) -> Account | None:
        """Return the account of a subject. Deprecated: use :meth:`find_by_subject`."""
        warn_renamed("Accounts.by_subject", "Accounts.find_by_subject")
        return self.find_by_subject(subject)

    def list_all(self) -> Sequence[Account]:
        """Return all accounts, sorted by name."""
        return self._store.accounts()

    def all(self) -> Sequence[Account]:
        """Return all accounts. Deprecated: use :meth:`list_all`."""
        warn_renamed("Accounts.all", "Accounts.list_all")
        return self.list_all()

    def change_password(
        self, subject: str, password: str, *, keep: str | None = None, actor: str | None = None
    ) -> None:
        """Set a new password and end the account's sessions; the old password need not be known.

        Args:
            subject: the account's subject.
            password: the new password.
            keep: the id of the session that goes on: of who changes the password.
            actor: who does it.

        Raises:
            AccountNotFound: there is no such account.
            PasswordRejected: the password is too short, too long or easy to guess; its ``reason`` says which.
        """
        account = self._require(subject)
        password_hash = self._check_and_hash(account.username, password)
        while not self._set_password(account, password_hash, keep):
            account = self._require(subject)  # another change was faster: this one comes after it
        self._notify(PasswordChanged(subject=subject, actor=actor))
        self._sessions.end_all(subject, "password_changed", keep)

    def set_scopes(self, subject: str, scopes: Iterable[str], *, actor: str | None = None) -> None:
        """Set what the account is granted, from the next login and the next refresh of each session on.

        Raises:
            AccountNotFound: there is no such account.
            InvalidSettings: a scope is not of RFC 6749's form.
        """
        scopes = checked_scopes(scopes)
        _require_found(self._store.set_scopes(subject, scopes))
        self._notify(ScopesChanged(subject=subject, scopes=scopes, actor=actor))

    def rename(self, subject: str, username: str, *, actor: str | None = None) -> None:
        """Give the account another username. Its subject, its password and its sessions stay.

        Raises:
            AccountNotFound: there is no such account.
            UsernameRejected: the username is empty, too long, or has characters that cannot be seen.
            UsernameTaken: there is an account of that name, perhaps in other letter case.
        """
        username = usernames.normalize(username)
        if not self._store.rename_account(subject, username, usernames.fold(username)):
            self._require(subject)
            raise UsernameTaken
        self._notify(AccountRenamed(subject=subject, actor=actor))

    def disable(self, subject: str, *, actor: str | None = None) -> None:
        """Let the account log in no more, and end its sessions.

        Raises:
            AccountNotFound: there is no such account.
        """
        _require_found(self._store.set_disabled(subject, True))
        self._notify(AccountDisabled(subject=subject, actor=actor))
        self._sessions.end_all(subject, "account_disabled")

    def enable(self, subject: str, *, actor: str | None = None) -> None:
        """Let a disabled account log in again.

        Raises:
            AccountNotFound: there is no such account.
        """
        _require_found(self._store.set_disabled(subject, False))
        self._notify(AccountEnabled(subject=subject, actor=actor))

    def delete(self, subject: str, *, actor: str | None = None) -> None:
        """Delete the account and end its sessions; its name becomes free, its subject does not.

        The account goes last, so that it can be found by its name again if ending the sessions fails. It is
        disabled then. Sessions are ended also where the account is gone already.

        Raises:
            AccountNotFound: there is no such account, and no session of it was left.
        """
        found = self._store.set_disabled(subject, True)
        try:
            ended = self._sessions.end_all(subject, "account_deleted")
        except StoreUnavailable:
            if found:
                self._notify(AccountDisabled(subject=subject, actor=actor))
            raise
        if self._store.delete_account(subject):
            self._notify(AccountDeleted(subject=subject, actor=actor))
        _require_found(found or ended > 0)

    def _require(self, subject: str) -> Account:
        account = self.find_by_subject(subject)
        if account is None:
            raise AccountNotFound
        return account

    def _set_password(self, account: Account, password_hash: str, keep: str | None) -> bool:
        """Whether the account was still at its version."""
        if keep is not None:
            # First: a refresh of that session between the two steps must not find it at an older version.
            self._sessions.keep(keep, account.subject, account.credentials_version + 1)
        version = account.credentials_version
        return self._store.set_password(account.subject, password_hash, version=version)

    def _find_by_name(self, username: str) -> Account | None:
        try:
            name_key = usernames.fold(usernames.normalize(username))
        except UsernameRejected:
            return None
        return self._store.find_account(name_key=name_key)

    def _check_and_hash(self, username: str, password: str) -> str:
        self._policy.check(password, username)
        return self._hasher.hash(password)

    def _renew_hash(self, account: Account, password: str) -> None:
        if not self._hasher.needs_rehash(account.password_hash):
            return
        with suppress(Overloaded):  # the password was right, and the next login will renew its hash
            new_hash = self._hasher.hash(password)
            # Swaps only the hash that was checked: a password changed in this moment stays changed.
            self._store.replace_hash(account.subject, account.password_hash, new_hash)


def _require_found(found: bool) -> None:
    if not found:
        raise AccountNotFound
