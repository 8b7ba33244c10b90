"""Decide what a subject is granted, at a login and at each refresh."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from watchword.arguments import describe
from watchword.errors import InvalidScope, InvalidSettings, Unissuable
from watchword.scopes import check_scopes
from watchword.sessions.access_tokens import SESSION_CLAIMS
from watchword.sessions.clients import Client
from watchword.sessions.login_arguments import is_version
from watchword.sessions.refresh_tokens import RefreshClaims, SessionBounds
from watchword.sessions.subjects import LARGEST_VERSION, Subject, VersionedClaims
from watchword.settings import Settings
from watchword.stores.contract import (
    Account,
    AccountStore,
    EndReason,
    Session,
    SessionDetails,
)

__all__ = ["Grant", "Grants", "Refusal", "SubjectClaims"]

logger = logging.getLogger("watchword.sessions")

SubjectClaims = Callable[[str], Mapping[str, Any] | VersionedClaims | None]

_REPLACEABLE = frozenset({"scope", "preferred_username"})


class Refusal(Exception):
    """A subject is granted nothing.

    Attributes:
        reason: the reason, as the end of the session records it.
    """

    def __init__(self, reason: EndReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a subject is granted now.

    Attributes:
        username: the username of the subject.
        scopes: the scopes that the access token grants.
        bounds: what the next refresh may grant at most.
        claims: the claims for the access token, given at the login or by ``subject_claims``.
        version: the version of the subject's credentials. ``None`` if they have no version.
    """

    username: str
    scopes: tuple[str, ...]
    bounds: SessionBounds
    claims: Mapping[str, Any] = {}
    version: int | None = None

    def narrow(self, scopes: Collection[str]) -> Grant:
        """Return the grant with no other scopes than these. What the next refresh may grant stays the same.

        Raises:
            InvalidScope: the subject is not granted a scope.
        """
        if not set(scopes).issubset(self.scopes):
            raise InvalidScope
        return msgspec.structs.replace(self, scopes=tuple(scope for scope in self.scopes if scope in scopes))

    def to_details(self, client: Client, settings: Settings) -> SessionDetails:
        """Return what the row of the session records about the grant and its client."""
        return SessionDetails(
            username=self.username,
            scopes=self.scopes,
            user_agent=client.user_agent,
            ip_address=client.ip_address,
            audience=settings.audience,
            client_id=settings.client_id,
            credentials_version=self.version,
        )


class Grants:
    """Decides what a subject is granted.

    Args:
        accounts: our accounts.
        subject_claims: called at each login and refresh. Returns further claims of a subject, or ``None`` to
            refuse the subject. Of our claims it can replace ``scope`` and ``preferred_username`` only.
            :class:`VersionedClaims` also refuse a session of another version.
    """

    def __init__(self, accounts: AccountStore, subject_claims: SubjectClaims | None) -> None:
        self._accounts = accounts
        self._subject_claims = subject_claims

    def decide_login(self, subject: Subject, bounds: SessionBounds, account: Account | None) -> Grant:
        """Return what a subject is granted that has just proven its identity.

        Args:
            subject: the subject.
            bounds: what the session may be granted at most.
            account: the subject's account, if it has an account.

        Raises:
            Refusal: the account is disabled, ``subject_claims`` refuses the subject, or its credentials
                changed during the login.
            Unissuable: ``subject_claims`` returned an unusable value.
        """
        grant = _grant_within(bounds, account)
        if account is None:
            grant = msgspec.structs.replace(grant, version=subject.version)
        return self._ask_application(subject.id, grant)

    def decide_refresh(self, token: RefreshClaims, session: Session) -> Grant:
        """Return what the subject of a refresh token is granted now.

        Of the session's row only the account's version counts: write access to rows grants nothing.

        Raises:
            Refusal: the account was deleted, disabled or changed, or ``subject_claims`` refuses the subject.
            Unissuable: ``subject_claims`` returned an unusable value.
            StoreUnavailable: the accounts' store does not answer.
        """
        bounds, is_older = token.to_bounds(), token.client_id is None
        if is_older:  # Before version 4 of the schema, only the row had the bounds.
            bounds = msgspec.structs.replace(
                bounds, scope=" ".join(session.scopes), preferred_username=session.username
            )
        has_account = token.account or (is_older and session.credentials_version is not None)
        account = self._accounts.find_account(subject=token.sub) if has_account or is_older else None
        if has_account and account is None:
            raise Refusal("account_deleted")
        if account is not None:
            _check_version(account, session.credentials_version)
            bounds = msgspec.structs.replace(bounds, account=True, preferred_username=None)
        grant = _grant_within(bounds, account)
        if account is None:
            grant = msgspec.structs.replace(grant, version=session.credentials_version)
        return self._ask_application(token.sub, grant)

    def _ask_application(self, subject: str, grant: Grant) -> Grant:
        """Let the application's ``subject_claims`` decide last."""
        if self._subject_claims is None:
            return grant
        try:
            claims = self._subject_claims(subject)
        except Exception:
            logger.exception("subject_claims failed: nothing was issued, and no session was changed")
            raise
        if claims is None:
            raise Refusal("subject_refused")
        if isinstance(claims, VersionedClaims):
            grant = _bind_version(grant, claims.version)
            claims = claims.claims
        elif grant.version is not None and not grant.bounds.account:
            raise Unissuable(
                "subject_claims must return VersionedClaims for a subject whose login had a version, not "
                f"{type(claims).__name__}"
            )
        if not isinstance(claims, Mapping):
            raise Unissuable(f"subject_claims must return a mapping or None, not {type(claims).__name__}")
        if not SESSION_CLAIMS.isdisjoint(claims):
            ours = ", ".join(sorted(SESSION_CLAIMS.intersection(claims)))
            raise Unissuable(
                f"subject_claims: {ours} cannot be among them, because Watchword sets these claims"
            )
        return msgspec.structs.replace(
            grant,
            claims={**grant.claims, **{name: claims[name] for name in claims if name not in _REPLACEABLE}},
            scopes=_read_scopes(claims["scope"]) if "scope" in claims else grant.scopes,
            username=_read_username(claims["preferred_username"])
            if "preferred_username" in claims
            else grant.username,
        )


def _grant_within(bounds: SessionBounds, account: Account | None) -> Grant:
    limit = None if bounds.scope is None else tuple(bounds.scope.split())
    if account is None:
        username = bounds.preferred_username or ""
        return Grant(username=username, scopes=limit or (), bounds=bounds, claims=bounds.claims)
    if account.disabled:
        raise Refusal("account_disabled")
    return Grant(
        username=account.username,
        scopes=account.scopes if limit is None else tuple(s for s in limit if s in account.scopes),
        bounds=bounds,
        claims=bounds.claims,
        version=account.credentials_version,
    )


def _check_version(account: Account, version: int | None) -> None:
    """Refuse a session that was started with older credentials of its account."""
    if version is not None and version < account.credentials_version:
        raise Refusal("account_disabled" if account.disabled else "account_changed")


def _bind_version(grant: Grant, version: int) -> Grant:
    """Refuse a grant of another version. The version of an account is in the account itself."""
    if not is_version(version):
        raise Unissuable(
            f"subject_claims: version must be an int from 0 to {LARGEST_VERSION}, not {describe(version)}"
        )
    if grant.bounds.account:
        return grant
    if grant.version not in {None, version}:
        raise Refusal("account_changed")
    return msgspec.structs.replace(grant, version=version)


def _read_scopes(given: object) -> tuple[str, ...]:
    if not isinstance(given, str | list | tuple) or not all(isinstance(s, str) for s in given):
        raise Unissuable(f"subject_claims: scope must be a string or a list of scopes, not {describe(given)}")
    try:
        return check_scopes(given)
    except InvalidSettings as error:
        raise Unissuable(f"subject_claims: {error}") from None


def _read_username(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise Unissuable(
            f"subject_claims: preferred_username must be a non-empty string, not {describe(given)}"
        )
    return given
