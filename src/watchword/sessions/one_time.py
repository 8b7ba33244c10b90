"""Issue and redeem tokens that work once: password reset, e-mail verification, magic link, invitation.

The store spends the id of a token in a single atomic step. So of several processes that see the token at the
same moment, a single process redeems it. The store's clock decides how long a spent id is kept, and the store
refuses an id that it would not keep. So a token never works twice, whatever the clocks of the nodes say. An
id is kept for the largest leeway that a node can have, because nodes may have different leeways.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from watchword.arguments import describe
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

    A token is a JWT of type ``ot+jwt`` with its purpose as audience, signed with a key that only we have.

    Args:
        store: the store of the spent ids.
        keys: the keyring's internal keys, which sign and verify the tokens.
        revocations: knows the store's time, and whether our keys are up to date.
        settings: the issuer, the leeway and the bounds.
        notify: called with every event.
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
        """Issue a token that can be redeemed once, and for this purpose only.

        Args:
            purpose: the purpose, in your own words: ``"password-reset"``.
            subject: the ``sub``: the subject that the token is about.
            lifetime: how long the token can be redeemed, in whole seconds or as a timedelta. At most the
                setting ``session_lifetime``, because the key is not kept for longer.
            claims: further claims. Everyone with the token can read them.

        Raises:
            InvalidSettings: the purpose is empty, or the name of our issuer or API. Or the lifetime is too
                long or shorter than a second.
            Unissuable: the subject is not a string, ``claims`` contains a registered claim, or a claim is not
                JSON.
            StoreUnavailable: this process's copy of our keys is too old for signing.
        """
        audience = self._to_audience(purpose)
        seconds = to_whole_seconds("lifetime", lifetime)
        longest = self._settings.session_lifetime
        if seconds > longest:
            raise InvalidSettings(
                f"lifetime ({seconds} s) must be at most session_lifetime ({longest} s): "
                "the key of a token is not kept for longer"
            )
        self._revocations.ensure_fresh()  # A compromised key must not sign.
        return self._issuer.issue(subject, claims, audience=audience, lifetime=seconds)

    def redeem(self, purpose: str, token: str, client: Client | None = None) -> dict[str, Any]:
        """Redeem a token and return its claims. Any later call for the same token fails.

        Args:
            purpose: the purpose that the token was issued for.
            token: the token.
            client: the client of the request.

        Raises:
            TokenSpent: the token was redeemed before.
            InvalidToken: the token is not ours, is for another purpose, or has expired.
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
            cache_size=0,  # No token is verified twice.
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
        """Redeem with this leeway from now on."""
        self._settings = msgspec.structs.replace(self._settings, leeway=seconds)

    def _to_audience(self, purpose: str) -> str:
        """Return the purpose as an audience. Our other tokens must not have the same audience."""
        if not isinstance(purpose, str) or purpose in {"", self._settings.issuer, self._settings.audience}:
            is_ours = isinstance(purpose, str) and purpose != ""
            given = "the name of our issuer or API" if is_ours else describe(purpose)
            raise InvalidSettings(f'purpose must be a name of your own such as "password-reset", not {given}')
        return purpose


class ReplayGuard:
    """Accepts a verified token once, whichever issuer it is from.

    Args:
        store: the store of the spent ids.
        notify: called with an event for each token that is presented again.
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
        """Spend a token. Raise if a token with the same ``iss`` and ``jti`` was spent before.

        Args:
            claims: the claims of a token that a Verifier, or another verifier that you trust, has accepted.
            max_age: how long after its ``iat`` a token without ``exp`` is accepted, in seconds or as a
                timedelta. DPoP proofs are such tokens.
            client: the client of the request.

        Raises:
            TokenSpent: the token was spent before, or is too old for the store to know.
            MissingClaim: the token has no ``jti``. Or it has no ``exp``, and ``max_age`` is not given.
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
    """Spend the token of these claims. Return whether it was not spent before."""
    named = msgspec.json.encode([_read_claim(claims, "iss"), _read_claim(claims, "jti")])
    key = base64url.encode(hashlib.sha256(named).digest())  # Short, however long the claims are.
    # Random for each call: a store that repeats a call after a lost connection finds its own attempt.
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
