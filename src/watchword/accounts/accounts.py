"""Add, change and delete accounts, and check their passwords.

A new password and disabling an account end its sessions, after the change has committed. Deleting an account
ends its sessions first. The sessions belong to another room, behind the port :class:`AccountSessions`.
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
from watchword.scopes import check_scopes
from watchword.settings import Settings
from watchword.stores.contract import Account, AccountStore, EndReason

__all__ = ["AccountSessions", "Accounts", "check_new_account"]


class AccountSessions(Protocol):
    """What a change of an account needs of the account's sessions."""

    def end_all(self, subject: str, reason: EndReason, keep: str | None = None) -> int:
        """End every session of a subject, except ``keep``. Return how many have ended."""
        ...

    def keep(self, session_id: str, subject: str, credentials_version: int) -> None:
        """Let a session survive a change of its account's credentials."""
        ...


class Accounts:
    """The accounts in a store.

    Every operation also raises :class:`~watchword.errors.StoreUnavailable` when the store does not answer.

    If ending the sessions fails, the change itself has committed. The sessions cannot refresh then, and a
    repeat of the call ends them.

    Each change is an event. Its ``actor`` is the argument, or else the subject of the running request.

    Args:
        store: the store of the accounts.
        settings: the settings ``password_min``, ``password_max``, ``issuer`` and ``audience`` are used.
        hasher: hashes and verifies passwords.
        sessions: the sessions that a change ends.
        notify: called with an event for each change of an account.
        breached: returns whether a new password is known from a breach. See :class:`PasswordPolicy`.
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
        """Check a username and a password, and return the account.

        A hash with outdated parameters is renewed.

        Raises:
            InvalidCredentials: the account does not exist, the password is wrong, or the account is disabled.
                Neither the error nor its timing tells which.
        """
        account = self._find_by_name(username)
        # Before any early return, so that the response time of each case includes one verification.
        is_right = self._hasher.verify(account.password_hash if account else None, password)
        if account is None or not is_right or account.disabled:
            raise InvalidCredentials
        self._renew_hash(account, password)
        return account

    def add(
        self, username: str, password: str, scopes: Iterable[str] = (), *, actor: str | None = None
    ) -> Account:
        """Add an account, with a random subject that is never used again.

        Raises:
            UsernameRejected: the username is empty, too long, or has invisible characters.
            UsernameTaken: another account has the username, perhaps in another letter case.
            PasswordRejected: the password is too short, too long or easy to guess. Its ``reason`` says which.
            InvalidSettings: a scope is malformed (RFC 6749 §3.3).
        """
        username, scopes = usernames.normalize(username), check_scopes(scopes)
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
        """Return the account with a username.

        Raises:
            AccountNotFound: no account has the username.
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
        return self._store.list_accounts()

    def all(self) -> Sequence[Account]:
        """Return all accounts. Deprecated: use :meth:`list_all`."""
        warn_renamed("Accounts.all", "Accounts.list_all")
        return self.list_all()

    def change_password(
        self, subject: str, password: str, *, keep: str | None = None, actor: str | None = None
    ) -> None:
        """Set a new password and end the account's sessions. The old password is not asked for.

        Args:
            subject: the account's subject.
            password: the new password.
            keep: the id of a session that goes on, such as the session of the request.
            actor: the subject that makes the change.

        Raises:
            AccountNotFound: the account does not exist.
            PasswordRejected: the password is too short, too long or easy to guess. Its ``reason`` says which.
        """
        account = self._require(subject)
        password_hash = self._check_and_hash(account.username, password)
        while not self._set_password(account, password_hash, keep):
            account = self._require(subject)  # Another change was faster. Repeat this change on top of it.
        self._notify(PasswordChanged(subject=subject, actor=actor))
        self._sessions.end_all(subject, "password_changed", keep)

    def set_scopes(self, subject: str, scopes: Iterable[str], *, actor: str | None = None) -> None:
        """Set the scopes of an account. They hold from the next login and each session's next refresh on.

        Raises:
            AccountNotFound: the account does not exist.
            InvalidSettings: a scope is malformed (RFC 6749 §3.3).
        """
        scopes = check_scopes(scopes)
        _require_found(self._store.set_scopes(subject, scopes))
        self._notify(ScopesChanged(subject=subject, scopes=scopes, actor=actor))

    def rename(self, subject: str, username: str, *, actor: str | None = None) -> None:
        """Set another username. The account's subject, password and sessions stay.

        Raises:
            AccountNotFound: the account does not exist.
            UsernameRejected: the username is empty, too long, or has invisible characters.
            UsernameTaken: another account has the username, perhaps in another letter case.
        """
        username = usernames.normalize(username)
        if not self._store.rename_account(subject, username, usernames.fold(username)):
            self._require(subject)
            raise UsernameTaken
        self._notify(AccountRenamed(subject=subject, actor=actor))

    def disable(self, subject: str, *, actor: str | None = None) -> None:
        """Refuse further logins to an account, and end its sessions.

        Raises:
            AccountNotFound: the account does not exist.
        """
        _require_found(self._store.set_disabled(subject, True))
        self._notify(AccountDisabled(subject=subject, actor=actor))
        self._sessions.end_all(subject, "account_disabled")

    def enable(self, subject: str, *, actor: str | None = None) -> None:
        """Accept logins to a disabled account again.

        Raises:
            AccountNotFound: the account does not exist.
        """
        _require_found(self._store.set_disabled(subject, False))
        self._notify(AccountEnabled(subject=subject, actor=actor))

    def delete(self, subject: str, *, actor: str | None = None) -> None:
        """Delete an account and end its sessions. Its username becomes free, and its subject does not.

        The account is disabled, then its sessions end, then it is deleted. So if ending the sessions fails,
        the account can still be found by its username. Sessions of an account that is already deleted end,
        too.

        Raises:
            AccountNotFound: the account does not exist, and had no sessions left.
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
        """Set the password. Return whether the account still had the same version."""
        if keep is not None:
            # The session comes first: a refresh between the two steps must not find it at an older version.
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
        with suppress(Overloaded):  # The password was right, and the next login renews the hash.
            new_hash = self._hasher.hash(password)
            # Replace only the hash that was checked, so that a password changed in this moment stays changed.
            self._store.replace_hash(account.subject, account.password_hash, new_hash)


def check_new_account(username: str, password: str, scopes: Iterable[str], settings: Settings) -> None:
    """Raise unless :meth:`Accounts.add` would accept these, as far as this is known without a store.

    Raises:
        UsernameRejected, PasswordRejected, InvalidSettings: as :meth:`Accounts.add`.
    """
    check_scopes(scopes)
    PasswordPolicy(settings).check(password, usernames.normalize(username))


def _require_found(found: bool) -> None:
    if not found:
        raise AccountNotFound
