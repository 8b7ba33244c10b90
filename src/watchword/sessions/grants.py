"""What a subject is granted at a login and at each refresh: from its account, or from the application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from watchword.errors import InvalidSettings, Unissuable
from watchword.stores.contract import Account, AccountStore, EndReason, Session, checked_scopes

if TYPE_CHECKING:
    from watchword.sessions.tokens import RefreshClaims

__all__ = ["Grant", "Grants", "Refusal", "SubjectClaims"]

logger = logging.getLogger("watchword.sessions")

SubjectClaims = Callable[[str], Mapping[str, Any] | None]

_OUR_CLAIMS = frozenset({"auth_time", "client_id", "sid"})


class Refusal(Exception):
    """A subject is granted nothing.

    Attributes:
        reason: why, as the reason for the end of its session.
    """

    def __init__(self, reason: EndReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a subject is granted now.

    Attributes:
        username: what to call the subject.
        scopes: what the access token grants.
        claims: the application's further claims for the access token.
        account_version: the version of the account's credentials; ``None`` if there is no account.
        limit: the most that the session may ever be granted; ``None`` for whatever its account has.
        name_at_login: of a subject that is not an account.
    """

    username: str
    scopes: tuple[str, ...]
    claims: Mapping[str, Any] = {}
    account_version: int | None = None
    limit: tuple[str, ...] | None = None
    name_at_login: str | None = None

    def bound(self) -> dict[str, Any]:
        """Return the claims of the refresh token that bind what the next refresh can grant."""
        claims = {
            "account": True if self.account_version is not None else None,
            "scope": None if self.limit is None else " ".join(self.limit),
            "preferred_username": self.name_at_login,
        }
        return {name: value for name, value in claims.items() if value is not None}


class Grants:
    """Decides what a subject is granted.

    Args:
        accounts: our accounts.
        subject_claims: asked at each login and refresh for further claims of a subject. ``None`` refuses the
            subject. ``scope`` and ``preferred_username`` take the place of ours, no other claim of ours does.
    """

    def __init__(self, accounts: AccountStore, subject_claims: SubjectClaims | None) -> None:
        self._accounts = accounts
        self._subject_claims = subject_claims

    def decide_login(
        self, subject: str, username: str, scopes: Iterable[str] | None, account: Account | None
    ) -> Grant:
        """Return what a subject is granted that has just proven who it is.

        Args:
            subject: the subject.
            username: what to call it, if it is not an account.
            scopes: the most that the session may be granted; ``None`` for whatever its account has.
            account: the subject's account, if it has one.

        Raises:
            Refusal: the account is disabled, or ``subject_claims`` refuses the subject.
            InvalidSettings: a scope is not of RFC 6749's form.
            Unissuable: ``subject_claims`` returned what cannot be issued.
        """
        limit = None if scopes is None else checked_scopes(scopes)
        if account is not None:
            return self._ask(subject, _grant_of(account, limit))
        own = Grant(username=username, scopes=limit or (), limit=limit or (), name_at_login=username)
        return self._ask(subject, own)

    def decide_refresh(self, token: RefreshClaims, session: Session) -> Grant:
        """Return what the subject of a refresh token is granted now.

        Only the account's version is taken from the session's row: write access to rows grants nothing.

        Raises:
            Refusal: the account was deleted, disabled or changed, or ``subject_claims`` refuses the subject.
            Unissuable: ``subject_claims`` returned what cannot be issued.
            StoreUnavailable: the accounts' store does not answer.
        """
        is_older = token.client_id is None  # from before version 4 of the schema: only the row knows more
        has_account = token.account or session.credentials_version is not None
        scope = " ".join(session.scopes) if is_older else token.scope
        limit = None if scope is None else tuple(scope.split())
        account = self._accounts.find_account(subject=token.sub) if has_account or is_older else None
        if account is not None:
            version = session.credentials_version
            if version is not None and version < account.credentials_version:
                raise Refusal("account_disabled" if account.disabled else "account_changed")
            return self._ask(token.sub, _grant_of(account, limit))
        if has_account:
            raise Refusal("account_deleted")
        name = token.preferred_username or session.username
        return self._ask(
            token.sub, Grant(username=name, scopes=limit or (), limit=limit or (), name_at_login=name)
        )

    def _ask(self, subject: str, grant: Grant) -> Grant:
        """Let the application's ``subject_claims`` have the last word."""
        if self._subject_claims is None:
            return grant
        try:
            claims = self._subject_claims(subject)
        except Exception:
            logger.exception("subject_claims failed: nothing was issued, and no session was changed")
            raise
        if claims is None:
            raise Refusal("subject_refused")
        if not isinstance(claims, Mapping):
            raise Unissuable(f"subject_claims must return a mapping or None, not {type(claims).__name__}")
        if not _OUR_CLAIMS.isdisjoint(claims):
            ours = ", ".join(sorted(_OUR_CLAIMS.intersection(claims)))
            raise Unissuable(f"subject_claims: {ours} are set by Watchword")
        others = {
            name: value for name, value in claims.items() if name not in {"scope", "preferred_username"}
        }
        return msgspec.structs.replace(
            grant,
            claims=others,
            scopes=_scopes_of(claims["scope"]) if "scope" in claims else grant.scopes,
            username=_name_of(claims["preferred_username"])
            if "preferred_username" in claims
            else grant.username,
        )


def _grant_of(account: Account, limit: tuple[str, ...] | None) -> Grant:
    """Return what an account is granted, within the limit of its session."""
    if account.disabled:
        raise Refusal("account_disabled")
    return Grant(
        username=account.username,
        scopes=account.scopes if limit is None else tuple(s for s in limit if s in account.scopes),
        account_version=account.credentials_version,
        limit=limit,
    )


def _scopes_of(given: object) -> tuple[str, ...]:
    if not isinstance(given, str | list | tuple) or not all(isinstance(s, str) for s in given):
        raise Unissuable("subject_claims: scope must be a string or a list of scopes")
    try:
        return checked_scopes(given)
    except InvalidSettings as error:
        raise Unissuable(f"subject_claims: {error}") from None


def _name_of(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise Unissuable("subject_claims: preferred_username must be a string that is not empty")
    return given
