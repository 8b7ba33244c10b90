"""The keys of a kind in this process: the keys that verify, and the key that signs now."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from watchword.errors import KeysUnavailable
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet
from watchword.keyring.schedule import Schedule, find_next_change, find_signing_key
from watchword.stores.contract import SealedKey

__all__ = ["Ring"]


class Ring:
    """The keys of a kind: a KeySource for verifying and a SigningSource for signing.

    Args:
        schedule: how the keys take turns.
        clock: the store's time.

    Attributes:
        keys: the keys that verify, oldest first.
        stored: all keys as they are in the store, compromised keys included.
        version: changes whenever ``keys`` changes.
    """

    def __init__(self, schedule: Schedule, clock: Callable[[], float]) -> None:
        self._schedule = schedule
        self._clock = clock
        self._quiet = _QuietPeriod(None, math.inf, math.inf)
        self.replace((), {})

    def replace(self, stored: Sequence[SealedKey], unsealed: Mapping[str, Key]) -> None:
        """Replace the keys and the version.

        Args:
            stored: the keys as they are in the store.
            unsealed: the keys that can be used, by ``kid``.
        """
        self.stored = tuple(stored)
        self._unsealed = {key.kid: unsealed[key.kid] for key in stored if key.kid in unsealed}
        self._unreadable = {key.kid for key in stored if key.compromised_at is None} - self._unsealed.keys()
        self.keys = KeySet(self._unsealed.values())
        self.version = self.keys.version  # Last: what was computed from older keys must not get this version.

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """Return the keys of that id and algorithm.

        Raises:
            KeysUnavailable: the key exists, and this process cannot unseal it. The token may be valid.
        """
        if kid in self._unreadable:
            # An unknown key would be a 401 and log the user out, although another process can open this key.
            raise KeysUnavailable
        return self.keys.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - KeySource asks for both
        """Return ``True``: the keys are in memory."""
        return True

    def find_signing_key(self) -> Key:
        """Return the key that signs now.

        Raises:
            KeysUnavailable: there is no such key, or the keys have not been loaded.
        """
        unsealed = self._unsealed
        signer = find_signing_key([key for key in self.stored if key.kid in unsealed], self._clock())
        if signer is None:
            raise KeysUnavailable
        return unsealed[signer.kid]

    def find_next_change(self) -> float:
        """Return when the first key changes its phase, in seconds since the epoch. Infinite if none does.

        The keys are looked at once per version and phase change, because any client may ask for the JWKS.
        """
        now, quiet = self._clock(), self._quiet
        if quiet.version != self.version or not quiet.since <= now < quiet.until:
            version = self.version  # Before the keys: see replace().
            quiet = _QuietPeriod(version, now, find_next_change(self._schedule, self.stored, now))
            self._quiet = quiet
        return quiet.until


class _QuietPeriod(NamedTuple):
    """A time in which no key of a version changes its phase."""

    version: object
    since: float
    until: float
