"""The ports for keys that come from, or stay, elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from watchword.jose.jwk import Key

__all__ = ["KeySource", "RefreshedSource", "Signer", "SigningSource"]


class Signer(Protocol):
    """What signs: a :class:`Key`, or a key that never leaves its KMS or HSM."""

    @property
    def alg(self) -> str:
        """The ``alg`` of the tokens."""
        ...

    @property
    def kid(self) -> str:
        """The ``kid`` of the tokens."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """The signature of ``data``, as RFC 7518 §3 has it (ECDSA: r and s, not DER)."""
        ...


@runtime_checkable
class SigningSource(Protocol):
    """Where a signing key that changes comes from: a keyring."""

    def find_signing_key(self) -> Signer:
        """What to sign with now."""
        ...


class KeySource(Protocol):
    """Where verification keys come from: a key set, a keyring, a JWKS URL."""

    @property
    def version(self) -> object:
        """Another value, never seen before, whenever an answer of ``find`` could be another."""
        ...

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm; of that algorithm, where a token gives no id."""
        ...

    def ready(self, kid: str | None, alg: str) -> bool:
        """Whether ``find`` can answer without I/O."""
        ...


@runtime_checkable
class RefreshedSource(KeySource, Protocol):
    """A key source that refreshes its keys in the background."""

    def keep_fresh(self) -> None:
        """Change ``version`` if nothing refreshes the keys in this process, as in a forked child.

        A verifier calls this before each token that it does not know, so it must be quick.
        """
        ...
