"""The keyring: our own keys, made once, kept sealed in the store, the same on every node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from watchword.errors import KeysUnavailable
from watchword.events import Event, KeyCreated
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet
from watchword.keyring.sealed import seal, unseal
from watchword.stores.contract import KeyKind, KeyStore

__all__ = ["Keyring", "Ring"]

_ALGORITHMS: dict[KeyKind, str] = {"public": "EdDSA", "internal": "HS256"}


class Ring:
    """The keys of one kind: a KeySource for verifying and a SigningSource for signing.

    Attributes:
        keys: the keys, oldest first.
        version: changes whenever they do.
    """

    def __init__(self) -> None:
        self.replace(KeySet([]))

    def replace(self, keys: KeySet) -> None:
        """Take other keys, and with them another version."""
        self.keys = keys
        self.version = keys.version

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm."""
        return self.keys.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - KeySource asks for both
        """Always: the keys are in memory."""
        return True

    def signing_key(self) -> Key:
        """The newest key.

        Raises:
            KeysUnavailable: the keys have not been loaded.
        """
        newest = next(reversed(tuple(self.keys)), None)
        if newest is None:
            raise KeysUnavailable
        return newest


class Keyring:
    """Our keys of both kinds.

    ``public`` keys sign access tokens and stand in the JWKS; ``internal`` ones sign what only we read, and
    are never published.

    Args:
        store: where they are kept.
        secrets: what seals them, newest first.
        notify: told of each key that is made.

    Raises:
        InvalidSettings: a stored key cannot be opened with any of the secrets.
    """

    def __init__(self, store: KeyStore, secrets: Sequence[str], *, notify: Callable[[Event], None]) -> None:
        self._store = store
        self._secrets = tuple(secrets)
        self._notify = notify
        self._loading = threading.Lock()
        self._rings: dict[KeyKind, Ring] = {"public": Ring(), "internal": Ring()}
        self.version: int | None = None
        self._make_missing()
        self.reload()

    @property
    def public(self) -> Ring:
        """The keys that sign access tokens."""
        return self._rings["public"]

    @property
    def internal(self) -> Ring:
        """The keys that sign refresh and once-only tokens."""
        return self._rings["internal"]

    def reload(self, version: int | None = None) -> None:
        """Read the keys from the store, unless they are of that version: called with what a poll said."""
        with self._loading:
            if version is not None and version == self.version:
                return
            version, stored = self._store.keys()
            for kind, ring in self._rings.items():
                ring.replace(KeySet([unseal(key, self._secrets) for key in stored if key.kind == kind]))
            self.version = version

    def _make_missing(self) -> None:
        """Make the first key of each kind that has none. Of many nodes that start together one wins."""
        present = {key.kind for key in self._store.keys()[1]}
        for kind, algorithm in _ALGORITHMS.items():
            if kind in present:
                continue
            key = Key.generate(algorithm)
            if self._store.insert_key(kind, 1, key.kid, seal(key, self._secrets[0], kind=kind, epoch=1)):
                self._notify(KeyCreated(kid=key.kid, kind=kind))
