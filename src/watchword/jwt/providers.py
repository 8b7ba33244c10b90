"""Issuers as the unit: each with its keys and its policy, and several of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from functools import partial
from typing import Generic, TypedDict, TypeVar

from watchword.errors import (
    InvalidSettings,
    InvalidToken,
    MalformedClaim,
    MalformedToken,
    MissingClaim,
    WrongIssuer,
)
from watchword.jose import Key, KeySource
from watchword.jose.base64url import decode_bytes
from watchword.jose.header import split
from watchword.jose.strict_json import decode_object
from watchword.jwt import batch
from watchword.jwt.verifier import Rule, Verifier

__all__ = ["Expectations", "MultiIssuer"]

T = TypeVar("T")


class Expectations(TypedDict, total=False):
    """What may be expected of an issuer's tokens besides issuer, audience and type: as in a Verifier."""

    subject: str | None
    typ: str | None
    require: Collection[str]
    allow_no_exp: bool
    leeway: float
    max_age: float | None
    critical: Collection[str]
    rule: Rule | None
    decrypt_with: Key | KeySource | None
    max_token_size: int
    cache_size: int
    clock: Callable[[], float]


class MultiIssuer(Generic[T]):
    """Verifies the tokens of several issuers, each by its own keys and policy.

    A token goes to the Verifier of its exact ``iss``. That is unverified then, and decides nothing else: the
    Verifier checks it again, under a signature of that issuer's keys. A token of any other issuer is refused
    at once, and no keys are fetched for it. Encrypted tokens do not show their issuer, and are not accepted.

    Args:
        verifiers: one for each issuer, or for several of the same keys and policy.

    Attributes:
        clock: that of the first of them.

    Raises:
        InvalidSettings: there is none, one accepts any issuer, or two the same.
    """

    def __init__(self, verifiers: Iterable[Verifier[T]]) -> None:
        self._verifiers: dict[str, Verifier[T]] = {}
        for verifier in verifiers:
            if not verifier.issuers:
                raise InvalidSettings("verifiers: each with the issuer that it is for")
            if not self._verifiers.keys().isdisjoint(verifier.issuers):
                raise InvalidSettings("verifiers: one for each issuer")
            self._verifiers.update(dict.fromkeys(verifier.issuers, verifier))
        if not self._verifiers:
            raise InvalidSettings("verifiers: one at least")
        self.clock = next(iter(self._verifiers.values())).clock
        self._max_token_size = max(verifier.max_token_size for verifier in self._verifiers.values())

    def verify(self, token: str) -> T:
        """The claims of a token that is good here and now, as :meth:`Verifier.verify` returns them.

        Raises:
            WrongIssuer: it is from none of the issuers.
            InvalidToken: as in :meth:`Verifier.verify`, all that can be wrong with a token.
            KeysUnavailable: its issuer's keys cannot be had now; says nothing of the token.
        """
        return self._verifier(token).verify(token)

    async def verify_async(self, token: str) -> T:
        """As :meth:`verify`; suspends only while keys are fetched."""
        return await self._verifier(token).verify_async(token)

    def verify_many(self, tokens: Iterable[str]) -> Generator[T | InvalidToken, None, None]:
        """Of each token the claims, or the error that :meth:`verify` would raise; lazily, in their order."""
        return batch.in_threads(partial(batch.each, self.verify), tokens)

    def _verifier(self, token: str) -> Verifier[T]:
        """The Verifier of the issuer that a token names."""
        if not isinstance(token, str) or len(token) > self._max_token_size:
            raise MalformedToken
        issuer = decode_object(decode_bytes(split(token, 3)[1])).get("iss")
        if issuer is None:
            raise MissingClaim(claim="iss")
        if not isinstance(issuer, str):
            raise MalformedClaim(claim="iss")
        if issuer not in self._verifiers:
            raise WrongIssuer(claim="iss")
        return self._verifiers[issuer]
