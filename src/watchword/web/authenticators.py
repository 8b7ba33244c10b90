"""Authenticate a token with an Auth, with a Verifier, or with several of them in turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

from watchword.arguments import describe, describe_names
from watchword.auth import Auth
from watchword.errors import (
    ExpiredToken,
    InvalidClaims,
    InvalidSettings,
    InvalidToken,
    KeysUnavailable,
    NotYetValid,
    SessionEnded,
    TokenTooOld,
)
from watchword.jwt.multi_issuer import MultiIssuer
from watchword.jwt.verifier import Verifier
from watchword.sessions import Identity
from watchword.sessions.shared_calls import SharedCall

__all__ = ["AnyVerifier", "AuthOrVerifier", "Authenticator", "check_also", "check_auth", "to_authenticator"]

AnyVerifier: TypeAlias = Verifier[dict[str, Any]] | MultiIssuer[dict[str, Any]]
"""Verifies the tokens of another issuer."""

AuthOrVerifier: TypeAlias = Auth | AnyVerifier
"""What an application gives to an adapter."""


def check_auth(auth: object) -> None:
    """Raise unless this can authenticate requests.

    Raises:
        InvalidSettings: it is not an Auth, a Verifier or a MultiIssuer.
    """
    if not isinstance(auth, Auth | Verifier | MultiIssuer):
        raise InvalidSettings(f"auth must be an Auth, a Verifier or a MultiIssuer, not {describe(auth)}")


def check_also(also: Iterable[AnyVerifier]) -> Sequence[AnyVerifier]:
    """Return verifiers of other kinds of tokens as a list.

    Raises:
        InvalidSettings: this is not a list of Verifiers.
    """
    if isinstance(also, Verifier | MultiIssuer):
        raise InvalidSettings("also must be a list of Verifiers, not a Verifier: also=[verifier]")
    if not isinstance(also, Iterable):
        raise InvalidSettings(f"also must be a list of Verifiers, not {describe(also)}")
    verifiers = list(also)
    if not all(map(_is_verifier, verifiers)):
        given = also if isinstance(also, Collection) else verifiers
        raise InvalidSettings(f"also must be a list of Verifiers, not {describe_names(given, _is_verifier)}")
    return verifiers


def to_authenticator(
    auth: AuthOrVerifier | Callable[[], Auth], also: Iterable[AnyVerifier], scope_claim: str
) -> Authenticator:
    """Return an authenticator that asks these in turn.

    Args:
        auth: authenticates first. A function is called at the first token and returns the Auth.
        also: verifiers of other kinds of tokens.
        scope_claim: the claim that holds the scopes of another issuer's tokens.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """
    first = _to_sole_authenticator(auth, scope_claim)
    others = check_also(also)
    if not others:
        return first
    return ChainedAuthenticator(first, [VerifierAuthenticator(each, scope_claim) for each in others])


class VerifierAuthenticator:
    """Makes identities of the claims of another issuer's tokens, as :meth:`Identity.from_claims` does.

    Args:
        verifier: verifies the tokens.
        scope_claim: the claim that holds their scopes.

    Attributes:
        now: the clock of the verifier.
    """

    def __init__(self, verifier: AnyVerifier, scope_claim: str) -> None:
        self._verifier = verifier
        self._scope_claim = scope_claim
        self.now = verifier.clock

    def authenticate(self, token: str) -> Identity:
        """Return the identity in a token.

        Raises:
            InvalidToken: the token is not acceptable.
            KeysUnavailable: the keys of its issuer are not available.
            InvalidSettings: the verifier does not return a dict.
        """
        return self._to_identity(self._verifier.verify(token))

    async def authenticate_async(self, token: str) -> Identity:
        """Do what :meth:`authenticate` does without blocking the event loop."""
        return self._to_identity(await self._verifier.verify_async(token))

    def _to_identity(self, claims: object) -> Identity:
        if not isinstance(claims, dict):
            raise InvalidSettings(
                f"a Verifier behind a guard must return claims as a dict, not as {type(claims).__name__}: "
                "leave out its argument claims"
            )
        return Identity.from_claims(claims, scope_claim=self._scope_claim)


class LateAuthenticator:
    """Opens an Auth at the first token.

    Args:
        open_auth: opens the Auth, or returns the Auth that is open.
    """

    def __init__(self, open_auth: Callable[[], Auth]) -> None:
        self._open_auth = open_auth
        self._opening = SharedCall()

    def authenticate(self, token: str) -> Identity:
        """Do what :meth:`watchword.Auth.authenticate` does."""
        return self._open_auth().authenticate(token)

    async def authenticate_async(self, token: str) -> Identity:
        """Do what :meth:`authenticate` does without blocking the event loop."""
        await self._opening.wait(self._open_auth)
        return await self._open_auth().authenticate_async(token)

    def now(self) -> float:
        """Return the time of the Auth."""
        return self._open_auth().now()


class ChainedAuthenticator:
    """Asks several authenticators in turn. The first that accepts a token makes the identity.

    The next authenticator is asked only about a token that all before it find invalid. Two kinds of tokens
    are refused at once: a token with no other defect than its time, and a token whose session has ended.
    Another authenticator with the same keys might allow more leeway, and knows no sessions. Every token is
    refused while the store or the keys of the first authenticator are away.

    Args:
        first: the authenticator of the application's own tokens.
        others: authenticators of other kinds of tokens.

    Attributes:
        now: the clock of the first.
    """

    def __init__(self, first: Authenticator, others: Sequence[VerifierAuthenticator]) -> None:
        self._chain = (first, *others)
        self.now: Callable[[], float] = first.now

    def authenticate(self, token: str) -> Identity:
        """Return the identity in a token.

        Raises:
            InvalidToken: none of the authenticators accepts the token.
            Unavailable: it is not known whether the token is acceptable.
        """
        refusals: list[InvalidToken | KeysUnavailable] = []
        for authenticator in self._chain:
            try:
                return authenticator.authenticate(token)
            except (InvalidToken, KeysUnavailable) as error:
                if _is_final(error, refusals):
                    raise
                refusals.append(error)
        raise _choose_refusal(refusals)

    async def authenticate_async(self, token: str) -> Identity:
        """Do what :meth:`authenticate` does without blocking the event loop."""
        refusals: list[InvalidToken | KeysUnavailable] = []
        for authenticator in self._chain:
            try:
                return await authenticator.authenticate_async(token)
            except (InvalidToken, KeysUnavailable) as error:
                if _is_final(error, refusals):
                    raise
                refusals.append(error)
        raise _choose_refusal(refusals)


Authenticator: TypeAlias = Auth | VerifierAuthenticator | LateAuthenticator | ChainedAuthenticator
"""Has ``authenticate``, ``authenticate_async`` and ``now``."""


def _is_final(
    error: InvalidToken | KeysUnavailable, earlier: Sequence[InvalidToken | KeysUnavailable]
) -> bool:
    """Return whether no further authenticator may accept the token."""
    if isinstance(error, KeysUnavailable):
        return not earlier  # The first authenticator may know that the token is of its kind and has ended.
    if isinstance(error, InvalidClaims):
        # Only the time is wrong, so the token is of this kind.
        return all(
            isinstance(failure, ExpiredToken | NotYetValid | TokenTooOld) for failure in error.failures
        )
    return isinstance(error, SessionEnded)


def _choose_refusal(refusals: Sequence[InvalidToken | KeysUnavailable]) -> InvalidToken | KeysUnavailable:
    """Return the refusal that tells the client most.

    Missing keys may fit the token, so the token is not called invalid. An authenticator that refuses a claim
    knows the key of the token, so it knows more than the others.
    """
    for kind in (KeysUnavailable, InvalidClaims):
        for refusal in refusals:
            if isinstance(refusal, kind):
                return refusal
    return refusals[0]


def _is_verifier(value: object) -> bool:
    return isinstance(value, Verifier | MultiIssuer)


def _to_sole_authenticator(auth: AuthOrVerifier | Callable[[], Auth], scope_claim: str) -> Authenticator:
    if isinstance(auth, Verifier | MultiIssuer):
        return VerifierAuthenticator(auth, scope_claim)
    if isinstance(auth, Auth):
        return auth
    if callable(auth) and not isinstance(auth, type):
        return LateAuthenticator(auth)
    raise InvalidSettings(f"auth must be an Auth, a Verifier or a MultiIssuer, not {describe(auth)}")
