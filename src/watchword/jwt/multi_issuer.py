"""Verify the tokens of several issuers, each by its own keys and policy."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

from watchword.arguments import describe
from watchword.errors import (
    InvalidSettings,
    InvalidToken,
    MalformedClaim,
    MissingClaim,
    WrongIssuer,
)
from watchword.jose.base64url import decode_bytes
from watchword.jose.compact_serialization import refuse_text, split_token
from watchword.jose.strict_json import decode_object
from watchword.jwt.batch import verify_in_threads
from watchword.jwt.claims import list_names
from watchword.jwt.verifier import Verifier

__all__ = ["MultiIssuer"]

T = TypeVar("T")


class MultiIssuer(Generic[T]):
    """Verifies the tokens of several issuers, each by its own keys and policy.

    A token goes to the Verifier of its exact ``iss``. The ``iss`` is unverified at that point and decides
    nothing else: the Verifier checks it again, after the signature. A token of any other issuer is refused
    without fetching keys. Encrypted tokens do not show their issuer and are not accepted.

    Args:
        verifiers: a Verifier for each issuer. A Verifier may name several issuers with the same keys.

    Attributes:
        clock: the clock of the first Verifier.
        audiences: every ``aud`` that a Verifier accepts.

    Raises:
        InvalidSettings: there is no Verifier, a Verifier accepts any issuer, or two accept the same issuer.
    """

    def __init__(self, verifiers: Iterable[Verifier[T]]) -> None:
        self._verifiers: dict[str, Verifier[T]] = {}
        for verifier in _check_verifiers(verifiers):
            issuers = verifier.issuers
            if issuers is None:
                raise InvalidSettings(
                    "each of the verifiers must have an issuer, and a Verifier has none: give it issuer="
                )
            if shared := sorted(self._verifiers.keys() & issuers):
                raise InvalidSettings(f"two of the verifiers have the issuer {shared[0]}: give each its own")
            self._verifiers.update(dict.fromkeys(issuers, verifier))
        if not self._verifiers:
            raise InvalidSettings("verifiers must contain at least one Verifier, and it is empty")
        self.clock = next(iter(self._verifiers.values())).clock
        self.audiences = frozenset[str]().union(
            *(verifier.audiences for verifier in self._verifiers.values())
        )
        self._max_token_size = max(verifier.max_token_size for verifier in self._verifiers.values())
        self._wrong_issuer = f"the token comes from another issuer than {list_names(self._verifiers)}"

    def verify(self, token: str) -> T:
        """Verify a token and return its claims, as :meth:`Verifier.verify` does.

        Raises:
            WrongIssuer: no Verifier accepts its issuer.
            InvalidToken: as in :meth:`Verifier.verify`.
            KeysUnavailable: the issuer's keys are not available now. The token may be valid.
            InvalidSettings: the issuer's metadata name another issuer than the settings. The first token of
                that issuer shows it.
        """
        return self._find_verifier(token).verify(token)

    async def verify_async(self, token: str) -> T:
        """Verify a token as :meth:`verify` does. Suspends only while keys are fetched."""
        return await self._find_verifier(token).verify_async(token)

    def verify_many(self, tokens: Iterable[str]) -> Generator[T | InvalidToken, None, None]:
        """Verify many tokens in threads. Yield for each its claims or its error, lazily and in order."""
        return verify_in_threads(self.verify, tokens)

    def _find_verifier(self, token: str) -> Verifier[T]:
        """Find the Verifier of the issuer that a token names."""
        if not isinstance(token, str) or len(token) > self._max_token_size:
            raise refuse_text(token, self._max_token_size)
        issuer = decode_object(decode_bytes(split_token(token, 3)[1])).get("iss")
        if issuer is None:
            raise MissingClaim(claim="iss")
        if not isinstance(issuer, str):
            raise MalformedClaim(claim="iss")
        if issuer not in self._verifiers:
            raise WrongIssuer(self._wrong_issuer, claim="iss")
        return self._verifiers[issuer]


def _check_verifiers(verifiers: Iterable[Verifier[T]]) -> list[Verifier[T]]:
    several = list(verifiers) if isinstance(verifiers, Iterable) else [verifiers]
    for verifier in several:
        if not isinstance(verifier, Verifier):
            raise InvalidSettings(f"verifiers must be a collection of Verifiers, not {describe(verifier)}")
    return several
