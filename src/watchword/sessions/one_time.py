"""Tokens that work once: password reset, e-mail verification, magic link, invitation.

A token's id is spent in the store by one atomic step, so of any number of processes that see the token at the
same moment one wins. The store's clock decides how long a spent id is remembered, and refuses what it would
not remember: whatever the clocks of the nodes say, a token is never good twice. An id is remembered for the
largest leeway that a node can have, because nodes may differ in theirs.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from watchword.durations import Duration, to_seconds, to_whole_seconds
from watchword.errors import InvalidSettings, MissingClaim, TokenSpent
from watchword.events import Event, TokenRedeemed, TokenReplayed
from watchword.jose import base64url
from watchword.jwt.issuer import Issuer
from watchword.jwt.verifier import Verifier
from watchword.keyring.ring import Ring
from watchword.sessions.clients import Client, clean_client
from watchword.sessions.revocations import Revocations
from watchword.settings import LARGEST_LEEWAY, Settings
from watchword.stores.contract import OneTimeStore

__all__ = ["OneTime", "ReplayGuard"]


class OneTime:
    """Issues tokens that work once, and redeems them.

    A token is a JWT of type ``ot+jwt`` for its purpose as audience, signed with a key that only we have.

    Args:
        store: where spent ids are kept.
        keys: sign the tokens and verify them: the keyring's internal ones.
        revocations: brings the store's time, and the news of the keys.
        settings: issuer, leeway and bounds.
        notify: told of every event.
    """

    def __init__(
        self,
        store: OneTimeStore,
        keys: Ring,
        *,
        revocations: Revocations,
        settings: Settings,
        notify: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._keys = keys
        self._revocations = revocations
        self._settings = settings
        self._notify = notify
        self._issuer = Issuer(settings.issuer, keys, typ="ot+jwt", clock=revocations.now)

    def issue(
        self,
        purpose: str,
        subject: str,
        lifetime: int | timedelta,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """A token that can be redeemed once, and for this purpose only.

        Args:
            purpose: what it is for, in your own words: ``"password-reset"``.
            subject: the ``sub``: whom it is about.
            lifetime: how long it can be redeemed, in whole seconds or as a timedelta; at most the
                ``session_lifetime``, since its key is not kept for longer.
            claims: what else it says. Whoever has the token can read that.

        Raises:
            InvalidSettings: the purpose is empty, or the name of our issuer or API; or the lifetime is too
                long or none.
            Unissuable: the subject is not a string, a registered claim is among the claims, or something is
                not JSON.
            StoreUnavailable: what is known of our keys is too old for signing.
        """
        audience = self._to_audience(purpose)
        seconds = to_whole_seconds("lifetime", lifetime)
        longest = self._settings.session_lifetime
        if seconds > longest:
            raise InvalidSettings(
                f"lifetime ({seconds} s) must be at most session_lifetime ({longest} s): "
                "the key of a token is not kept for longer"
            )
        self._revocations.ensure_fresh()  # a key that was compromised must not sign
        return self._issuer.issue(subject, claims, audience=audience, lifetime=seconds)

    def redeem(self, purpose: str, token: str, client: Client | None = None) -> dict[str, Any]:
        """The claims of a token that is good for this purpose and was not redeemed before; it is now.

        Args:
            purpose: as it was issued for.
            token: what was issued.
            client: where the request came from.

        Raises:
            TokenSpent: it was redeemed before.
            InvalidToken: it is not ours, is for another purpose, or has expired; the subclass says why.
            InvalidSettings: the purpose is empty, or the name of our issuer or API.
            StoreUnavailable: the store does not answer. The token may have been spent or not.
        """
        verifier = Verifier(
            self._keys,
            issuer=self._settings.issuer,
            audience=self._to_audience(purpose),
            typ="ot+jwt",
            require=("sub", "iat", "jti"),
            leeway=self._settings.leeway,
            cache_size=0,  # nothing is looked at twice
            clock=self._revocations.read_fresh_time,
        )
        claims = verifier.verify(token)
        about = {"subject": claims["sub"], "address": clean_client(client).ip_address, "purpose": purpose}
        if not _spend(self._store, claims, keep_until=claims["exp"] + LARGEST_LEEWAY):
            self._notify(TokenReplayed(**about, issuer=self._settings.issuer))
            raise TokenSpent
        self._notify(TokenRedeemed(**about))
        return claims

    def follow_leeway(self, seconds: int) -> None:
        """Redeem with another leeway."""
        self._settings = msgspec.structs.replace(self._settings, leeway=seconds)

    def _to_audience(self, purpose: str) -> str:
        """The purpose, if no token of ours of another kind is for an audience of that name."""
        if not isinstance(purpose, str) or purpose in {"", self._settings.issuer, self._settings.audience}:
            raise InvalidSettings("purpose: a name, and not the one of our issuer or API")
        return purpose


class ReplayGuard:
    """Lets a verified token through once, whoever issued it.

    Args:
        store: where spent ids are kept.
        notify: told of every token that came back.
    """

    def __init__(self, store: OneTimeStore, *, notify: Callable[[Event], None]) -> None:
        self._store = store
        self._notify = notify

    def spend(
        self,
        claims: Mapping[str, Any] | msgspec.Struct,
        *,
        max_age: Duration | None = None,
        client: Client | None = None,
    ) -> None:
        """Return if a token with the ``iss`` and ``jti`` of these claims was not seen before.

        Args:
            claims: those of a token that a Verifier, or another one that you trust, has found good.
            max_age: for tokens without ``exp``, such as DPoP proofs: how long after their ``iat`` they are
                accepted, in seconds or as a timedelta.
            client: where the request came from.

        Raises:
            TokenSpent: it was seen before, or it is so old that nobody could tell.
            MissingClaim: it has no ``jti``; or no ``exp``, and there is no ``max_age``.
            StoreUnavailable: the store does not answer. The token may have been spent or not.
        """
        if _read_claim(claims, "jti") is None:
            raise MissingClaim(claim="jti")
        if _spend(self._store, claims, keep_until=_find_last_use(claims, max_age) + LARGEST_LEEWAY):
            return
        subject, issuer = _read_claim(claims, "sub"), _read_claim(claims, "iss")
        self._notify(TokenReplayed(subject=subject, issuer=issuer, address=clean_client(client).ip_address))
        raise TokenSpent


def _spend(store: OneTimeStore, claims: Mapping[str, Any] | msgspec.Struct, *, keep_until: float) -> bool:
    """Whether the token of these claims is spent by this call, and by none before it."""
    named = msgspec.json.encode([_read_claim(claims, "iss"), _read_claim(claims, "jti")])
    key = base64url.encode(hashlib.sha256(named).digest())  # as short as any, however long their names are
    # made once for each call: a store that repeats itself after a lost connection knows its first attempt
    return store.spend(key, secrets.token_urlsafe(16), keep_until=keep_until)


def _find_last_use(claims: Mapping[str, Any] | msgspec.Struct, max_age: Duration | None) -> float:
    expires, issued = _read_claim(claims, "exp"), _read_claim(claims, "iat")
    if expires is not None:
        return float(expires)
    if max_age is None or issued is None:
        raise MissingClaim(claim="exp")
    return float(issued + to_seconds("max_age", max_age))


def _read_claim(claims: Mapping[str, Any] | msgspec.Struct, name: str) -> Any:
    return claims.get(name) if isinstance(claims, Mapping) else getattr(claims, name, None)
