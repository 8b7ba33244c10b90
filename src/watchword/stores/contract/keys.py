"""Signing keys, sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

__all__ = ["KeyKind", "KeyStore", "SealedKey", "StoredKeys"]

KeyKind: TypeAlias = Literal["public", "internal"]


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key at rest.

    Attributes:
        kind: ``public`` keys sign what others verify, ``internal`` ones what only we do.
        epoch: counts a kind's keys from 1; unique with the kind.
        kid: the key's id.
        alg: the key's algorithm.
        sealed: the private JWK as a JWE.
        created_at: the store's time of the insert.
        signs_from: the store's time from which it may sign.
        compromised_at: when it was declared compromised; ``None`` if it was not.
    """

    kind: KeyKind
    epoch: int
    kid: str
    alg: str
    sealed: str
    created_at: float
    signs_from: float
    compromised_at: float | None = None


class StoredKeys(msgspec.Struct, frozen=True):
    """All keys as of one moment.

    Attributes:
        version: changes whenever they do.
        now: the store's time.
        keys: oldest first.
    """

    version: int
    now: float
    keys: tuple[SealedKey, ...]


class KeyStore(Protocol):
    """Signing keys, sealed. Each operation that changes something changes the key version."""

    def list_keys(self) -> StoredKeys:
        """All keys, as one consistent read."""
        ...

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        """Insert a key that signs from ``not_before``, or ``lead`` seconds from now if that is later.

        Whether this call did: not if the kind has a key of that epoch or a later one, or any key has that
        ``kid``. A repeat with the same ``kid`` and epoch after a lost connection is told that it won.
        """
        ...

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        """Let a key sign as soon as it has been there for ``lead`` seconds; the key after it.

        Nothing is changed if it signs from then or earlier. ``None`` if there is no such key or it is
        compromised.
        """
        ...

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        """Declare a key compromised and let ``successor`` sign from now, in one step; whether that was done.

        Not if there is no such key. Not either if no key of its kind would be left to sign: the successor is
        not there or compromised or, where none is named, no other key of the kind may sign already. A key
        that was compromised before stays so from then.
        """
        ...

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        """Delete keys, some of which may be gone already. Return the ids of the keys deleted here."""
        ...

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        """Put new seals in the place of old ones, all or none; whether this call did.

        ``sealed`` has the new seal by the old. Not if one of the old is not there any more.
        """
        ...
