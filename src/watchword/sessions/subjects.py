"""Subjects, and the proof of a login that a session starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import msgspec

from watchword.clocks import read_clock
from watchword.durations import Duration
from watchword.stores.contract import Account

__all__ = ["LARGEST_VERSION", "LoginProof", "Subject", "VersionedClaims"]

LARGEST_VERSION = 2**31 - 1
"""The largest version of a subject's credentials that every store can keep."""


class Subject(msgspec.Struct, frozen=True):
    """A person that a login has identified.

    Attributes:
        id: the permanent id, the ``sub`` of the tokens. Do not use an e-mail address, which can change hands.
        username: the name to show. ``None`` stands for the id.
        scopes: the scopes that the login grants.
        version: the version of the credentials, a number that every change of the credentials changes. With
            the application's own users, ``subject_claims`` then returns :class:`VersionedClaims`. ``None``
            if only the end of all sessions reports such a change.
        claims: claims for every access token of the session, at each refresh again.
    """

    id: str
    username: str | None = None
    scopes: tuple[str, ...] = ()
    version: int | None = None
    claims: Mapping[str, Any] = {}

    def __hash__(self) -> int:
        return hash((self.id, self.username, self.scopes, self.version))  # Claims have no hash.


class VersionedClaims(msgspec.Struct, frozen=True):
    """What ``subject_claims`` returns for subjects whose credentials have a version.

    A session of another version is over. So a new password refuses the next refresh of every session, even if
    the end of the sessions could not be recorded.

    Attributes:
        claims: the claims, as ``subject_claims`` returns them without a version.
        version: the version of the subject's credentials now.
    """

    claims: Mapping[str, Any]
    version: int


class LoginProof(msgspec.Struct, frozen=True, kw_only=True):
    """A subject that has proven its identity, with all that its session needs to know.

    Attributes:
        subject: the subject. Its claims are in every access token of the session.
        account: the subject's account. ``None`` for the application's own users.
        scopes: the most that the session is granted. ``None`` for all scopes of the account, or of the
            subject if it has no account.
        amr: the methods that proved the identity, by their names in RFC 8176.
        lifetime: how long the session lives at most, in seconds or as a timedelta. ``None`` for the setting
            ``session_lifetime``.
        mark: the store's mark, read before the check. If all sessions of the subject end after the mark, no
            session starts.
        began: the time at which the login began, by :func:`~watchword.clocks.read_clock`.
    """

    subject: Subject
    account: Account | None = None
    scopes: Iterable[str] | None = None
    amr: Sequence[str] = ()
    lifetime: Duration | None = None
    mark: str
    began: float = msgspec.field(default_factory=read_clock)

    @classmethod
    def from_account(cls, account: Account, *, amr: Sequence[str], mark: str, began: float) -> Self:
        """Return the proof for an account of ours, with all scopes of the account.

        Args:
            account: the account that has proven its identity.
            amr: the methods that proved it.
            mark: as in :class:`LoginProof`.
            began: as in :class:`LoginProof`.
        """
        subject = Subject(account.subject, account.username, account.scopes, account.credentials_version)
        return cls(subject=subject, account=account, amr=amr, mark=mark, began=began)
