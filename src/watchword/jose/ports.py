"""The ports for keys that come from other places, or stay there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from watchword.jose.jwk import Key

__all__ = ["KeySource", "RefreshedSource", "Signer", "SigningSource"]


class Signer(Protocol):
    """Signs data: a :class:`Key`, or a key that never leaves its KMS or HSM."""

    @property
    def alg(self) -> str:
        """The ``alg`` of the tokens that it signs."""
        ...

    @property
    def kid(self) -> str:
        """The ``kid`` of the tokens that it signs."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of ``data`` in the form of RFC 7518 §3 (ECDSA: r and s, not DER)."""
        ...


@runtime_checkable
class SigningSource(Protocol):
    """Provides a signing key that changes over time: a keyring."""

    def find_signing_key(self) -> Signer:
        """Return the key that signs now."""
        ...


class KeySource(Protocol):
    """Provides verification keys: a key set, a keyring, a JWKS URL."""

    @property
    def version(self) -> object:
        """Changes to a new value whenever a result of ``find`` may have changed. Values never repeat."""
        ...

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """Return the keys with that key id and algorithm. ``None`` as key id matches every key."""
        ...

    def ready(self, kid: str | None, alg: str) -> bool:
        """Return whether ``find`` can answer without I/O."""
        ...


@runtime_checkable
class RefreshedSource(KeySource, Protocol):
    """A key source that refreshes its keys in the background."""

    def keep_fresh(self) -> None:
        """Change ``version`` if nothing refreshes the keys in this process, for example in a forked child.

        A verifier calls this before every token that is not cached, so it must be fast.
        """
        ...
