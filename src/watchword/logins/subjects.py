"""Subjects, and the proof of a login that a session starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from watchword.stores.contract import Account

__all__ = ["LoginProof", "Subject"]


class Subject(msgspec.Struct, frozen=True):
    """A person that a login has identified.

    Attributes:
        id: the permanent id, the ``sub`` of the tokens. Do not use an e-mail address, which can change hands.
        username: the name to show. ``None`` stands for the id.
        scopes: the scopes that the login grants.
        version: the version of the account's credentials. ``None`` for the application's own users.
        claims: claims for every access token of the session, at each refresh again.
    """

    id: str
    username: str | None = None
    scopes: tuple[str, ...] = ()
    version: int | None = None
    claims: Mapping[str, Any] = {}

    def __hash__(self) -> int:
        return hash((self.id, self.username, self.scopes, self.version))  # Claims have no hash.


class LoginProof(NamedTuple):
    """A subject that has proven its identity, with all that its session needs to know.

    Attributes:
        subject: the subject.
        account: the subject's account, ``None`` for the application's own users.
        amr: the methods that proved the identity, by their names in RFC 8176.
        mark: the store's mark, read before the check. If all sessions of the subject end after the mark, no
            session starts.
        began: the time at which the login began, by :func:`~watchword.clocks.read_clock`.
    """

    subject: Subject
    account: Account | None
    amr: tuple[str, ...]
    mark: str
    began: float
