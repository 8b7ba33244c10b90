"""The port for signing keys, which are sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

__all__ = ["KeyKind", "KeyStore", "SealedKey", "StoredKeys"]

KeyKind: TypeAlias = Literal["public", "internal"]


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key at rest.

    Attributes:
        kind: tokens signed with a ``public`` key are verified by others too, with an ``internal`` key by us
            only.
        epoch: counts the keys of a kind from 1.
        kid: the key's id.
        alg: the key's algorithm.
        sealed: the private JWK as a JWE.
        created_at: the store's time of the insert.
        signs_from: the store's time from which the key may sign.
        compromised_at: when the key was declared compromised. ``None`` if it was not.
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
    """All keys at a single moment.

    Attributes:
        version: changes whenever the keys change.
        now: the store's time.
        keys: oldest first.
    """

    version: int
    now: float
    keys: tuple[SealedKey, ...]


class KeyStore(Protocol):
    """Signing keys, sealed. Each operation that changes a key changes the key version."""

    def list_keys(self) -> StoredKeys:
        """Return all keys, as a single consistent read."""
        ...

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        """Insert a key that signs from ``not_before``, or ``lead`` seconds from now if that is later.

        Nothing is inserted if the kind has a key of that epoch or a later epoch, or if any key has that
        ``kid``. Returns whether the key is there: a repeat with the same ``kid`` and epoch returns true.
        """
        ...

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        """Let a key sign as soon as it is ``lead`` seconds old. Return the key as it is then.

        Nothing changes if the key signs from that time or earlier. Returns ``None`` if the key is unknown or
        compromised.
        """
        ...

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        """Declare a key compromised and let ``successor`` sign from now, as an atomic step.

        Returns false and changes nothing if the key is unknown, or if no key of its kind could sign
        afterwards. That is so if the successor is unknown or compromised. Without a successor it is so if no
        other key of the kind may sign already. A repeat keeps the first ``compromised_at``.
        """
        ...

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        """Delete keys, some of which may be gone already. Return the ids of the keys deleted here."""
        ...

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        """Replace sealed keys by new sealed keys, all or none. Return whether they were replaced.

        ``sealed`` maps the old to the new. Nothing is replaced if an old value is missing in the store.
        """
        ...
