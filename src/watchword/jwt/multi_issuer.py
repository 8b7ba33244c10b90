"""Issuers as the unit: each with its keys and its policy, and several of them side by side."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import partial
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
from watchword.jwt import batch
from watchword.jwt.claims import list_names
from watchword.jwt.verifier import Verifier

__all__ = ["MultiIssuer"]

T = TypeVar("T")


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
        for verifier in _check_verifiers(verifiers):
            issuers = verifier.issuers
            if issuers is None:
                raise InvalidSettings(
                    "each of the verifiers must name its issuer, and one has none: give it issuer="
                )
            if shared := sorted(self._verifiers.keys() & issuers):
                raise InvalidSettings(f"two of the verifiers have the issuer {shared[0]}: give each its own")
            self._verifiers.update(dict.fromkeys(issuers, verifier))
        if not self._verifiers:
            raise InvalidSettings("verifiers must have at least one Verifier in it, and it is empty")
        self.clock = next(iter(self._verifiers.values())).clock
        self._max_token_size = max(verifier.max_token_size for verifier in self._verifiers.values())
        self._wrong_issuer = f"the token comes from another issuer than {list_names(self._verifiers)}"

    def verify(self, token: str) -> T:
        """The claims of a token that is good here and now, as :meth:`Verifier.verify` returns them.

        Raises:
            WrongIssuer: it is from none of the issuers.
            InvalidToken: as in :meth:`Verifier.verify`, all that can be wrong with a token.
            KeysUnavailable: its issuer's keys cannot be had now; says nothing of the token.
            InvalidSettings: the issuer has another name than the settings say, which its first token shows.
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
    each = list(verifiers) if isinstance(verifiers, Iterable) else [verifiers]
    for verifier in each:
        if not isinstance(verifier, Verifier):
            raise InvalidSettings(f"verifiers must be a collection of Verifiers, not {describe(verifier)}")
    return each
