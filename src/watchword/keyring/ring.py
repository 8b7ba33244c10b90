"""The keyring: our own keys, kept sealed in the store, the same on every node, each in its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from watchword.errors import InvalidKey, InvalidSettings, KeysUnavailable, RotationRefused
from watchword.events import (
    Event,
    KeyAdvanced,
    KeyCompromised,
    KeyCreated,
    KeyDeclaredCompromised,
    KeyDeleted,
    KeyImported,
    KeysResealed,
)
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet
from watchword.keyring.schedule import NextKey, Phase, Schedule, due, next_change, phase, signing, standby
from watchword.keyring.sealed import seal, unseal
from watchword.stores.contract import KeyKind, KeyStore, SealedKey, StoredKeys

__all__ = ["Keyring", "Ring"]

logger = logging.getLogger("watchword.keys")

# A kid stands in every token and on the operator's screen
_LONGEST_KID = 256


class Ring:
    """The keys of one kind: a KeySource for verifying and a SigningSource for signing.

    Args:
        clock: the store's time.

    Attributes:
        keys: the keys that verify, oldest first.
        stored: all keys, the compromised ones too, as they are in the store.
        version: changes whenever ``keys`` does.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.replace((), {})

    def replace(self, stored: Sequence[SealedKey], opened: Mapping[str, Key]) -> None:
        """Take other keys, and with them another version.

        Args:
            stored: the keys as they are in the store.
            opened: those that can be used, by ``kid``.
        """
        self.stored = tuple(stored)
        self._opened = {key.kid: opened[key.kid] for key in stored if key.kid in opened}
        self._sealed = {key.kid for key in stored if key.compromised_at is None} - self._opened.keys()
        self.keys = KeySet(self._opened.values())
        self.version = self.keys.version

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm.

        Raises:
            KeysUnavailable: there is such a key, and it cannot be opened here. Says nothing of the token.
        """
        if kid in self._sealed:  # "unknown" would log out whom another process logged in
            raise KeysUnavailable
        return self.keys.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - KeySource asks for both
        """Always: the keys are in memory."""
        return True

    def signing_key(self) -> Key:
        """The key whose turn it is.

        Raises:
            KeysUnavailable: there is none, or the keys have not been loaded.
        """
        opened = self._opened
        signer = signing([key for key in self.stored if key.kid in opened], self._clock())
        if signer is None:
            raise KeysUnavailable
        return opened[signer.kid]


class Keyring:
    """Our keys of both kinds.

    ``public`` keys sign access tokens and stand in the JWKS; ``internal`` ones sign what only we read, and
    are never published.

    What a method changes is changed in the store. Every process takes it over with its next poll, which calls
    :meth:`follow`.

    Args:
        store: where they are kept.
        secrets: what seals them, newest first.
        schedules: how the keys of each kind take turns.
        clock: the store's time.
        notify: told of each change of the keys.

    Raises:
        InvalidSettings: a stored key cannot be opened with any of the secrets, or a new one cannot be made.
    """

    def __init__(
        self,
        store: KeyStore,
        secrets: Sequence[str],
        schedules: Mapping[KeyKind, Schedule],
        *,
        clock: Callable[[], float],
        notify: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._secrets = tuple(secrets)
        self._schedules = schedules
        self._clock = clock
        self._notify = notify
        self._rings: dict[KeyKind, Ring] = {kind: Ring(clock) for kind in schedules}
        self._opened: dict[str, Key] = {}
        self.version: int | None = None
        self._start()

    @property
    def public(self) -> Ring:
        """The keys that sign access tokens."""
        return self._rings["public"]

    @property
    def internal(self) -> Ring:
        """The keys that sign refresh and once-only tokens."""
        return self._rings["internal"]

    def next_change(self) -> float:
        """When the public keys will be others, at the store's time, if nobody intervenes."""
        return next_change(self._schedules["public"], self.public.stored, self._clock())

    def follow(self, version: int) -> None:
        """Read the keys from the store, unless they are of that version: called with what a poll said.

        A key that cannot be opened is not used, and the log tells of it: the others have to be followed.

        Raises:
            StoreUnavailable: the store does not answer; the keys are those from before.
        """
        if version == self.version:
            return
        _, unopened = self._load()
        if unopened is not None:
            logger.error("a new signing key is not used here: %s", unopened)

    def tend(self) -> None:
        """Make the next keys and delete those that are gone, if it is time. May take a second for RSA.

        Of several processes that make the same key one wins.

        Raises:
            InvalidSettings: there is no such algorithm here.
            StoreUnavailable: the store does not answer.
        """
        for kind, ring in self._rings.items():
            tasks = due(self._schedules[kind], ring.stored, self._clock())
            if tasks.make is not None:
                self._make(kind, tasks.make)
            if tasks.delete:
                for kid in self._store.delete_keys(tasks.delete):
                    self._notify(KeyDeleted(kid=kid, kind=kind))

    # -- for the operator --------------------------------------------------------------------------

    def phases(self) -> Sequence[tuple[SealedKey, Phase]]:
        """Each key in the store with what it does now, oldest first.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.keys()
        return [
            (key, phase(self._schedules[key.kind], _of(key.kind, stored), key, stored.now))
            for key in stored.keys
        ]

    def rotate(self, kind: KeyKind, *, actor: str | None = None) -> SealedKey:
        """Let the next key sign as soon as no cache can be without it; that key.

        Raises:
            RotationRefused: there is no next key at the moment.
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.keys()
        following = standby(_of(kind, stored), stored.now)
        lead = self._schedules[kind].publish_lead
        advanced = None if following is None else self._store.advance_key(following.kid, lead=lead)
        if advanced is None:
            raise RotationRefused("the next key is just being made: try again in a moment")
        self._notify(KeyAdvanced(kid=advanced.kid, kind=kind, actor=actor))
        return advanced

    def compromise(self, kid: str, *, actor: str | None = None) -> SealedKey:
        """Stop signing with a key and verifying with it; the key as it was. The next one signs in its place.

        Raises:
            RotationRefused: there is no such key, it is compromised already, or it is the only one.
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.keys()
        key = next((key for key in stored.keys if key.kid == kid), None)
        if key is None:
            raise RotationRefused("there is no such key")
        if key.compromised_at is not None:
            raise RotationRefused("the key is compromised already")
        siblings = _of(key.kind, stored)
        following = standby(siblings, stored.now) if key is signing(siblings, stored.now) else None
        successor = None if following is None else following.kid
        if not self._store.compromise_key(kid, successor=successor):
            raise RotationRefused("no other key could sign yet: the next one is just being made, try again")
        self._notify(KeyDeclaredCompromised(kid=kid, kind=key.kind, actor=actor))
        return key

    def add(self, key: Key, *, actor: str | None = None) -> SealedKey:
        """Take a key that was made elsewhere as the next public one.

        Raises:
            RotationRefused: it cannot sign, is not of the algorithm that the settings want, its id is that of
                another key or not fit to be shown, or another key was made at the same moment.
            StoreUnavailable: the store does not answer.
        """
        schedule = self._schedules["public"]
        if not key.allows("sign"):
            raise RotationRefused("that key cannot sign: the private key is needed")
        if key.alg != schedule.algorithm:
            raise RotationRefused(f"the key is for {key.alg}, and the settings want {schedule.algorithm}")
        if not (0 < len(key.kid) <= _LONGEST_KID and key.kid.isprintable()):
            raise RotationRefused(f"a kid has 1 to {_LONGEST_KID} printable characters")
        stored = self._store.keys()
        siblings = _of("public", stored)
        following = standby(siblings, stored.now)
        wanted = NextKey(
            epoch=max(sibling.epoch for sibling in siblings) + 1,
            algorithm=key.alg,
            not_before=stored.now if following is None else following.signs_from,
            lead=schedule.publish_lead,
        )
        if any(other.kid == key.kid for other in stored.keys) or not self._insert("public", wanted, key):
            raise RotationRefused("a key with that kid is there already, or one was made at the same moment")
        self._notify(KeyImported(kid=key.kid, kind="public", actor=actor))
        return next(added for added in self._store.keys().keys if added.kid == key.kid)

    def reseal(self, *, actor: str | None = None) -> int:
        """Seal every key that is not compromised with the newest secret; how many there are.

        Raises:
            InvalidSettings: a key cannot be opened with any of the secrets.
            RotationRefused: another process changed the keys at the same moment.
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.keys()
        resealed = {
            key.sealed: seal(unseal(key, self._secrets), self._secrets[0], kind=key.kind, epoch=key.epoch)
            for key in stored.keys
            if key.compromised_at is None
        }
        if not self._store.reseal_keys(resealed):
            raise RotationRefused("the keys have changed meanwhile: try again")
        self._notify(KeysResealed(keys=len(resealed), actor=actor))
        return len(resealed)

    # -- inside ------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Load the keys, and make those without which nothing works. All else is left to :meth:`tend`.

        A command that is run beside a server may have other settings than the server.
        """
        while True:
            stored, unopened = self._load()
            if unopened is not None:
                raise unopened
            missing = [
                (kind, task) for kind in self._rings if (task := self._due_at_start(kind, stored)) is not None
            ]
            if not missing:
                return
            for kind, task in missing:
                self._make(kind, task)

    def _due_at_start(self, kind: KeyKind, stored: StoredKeys) -> NextKey | None:
        keys = _of(kind, stored)
        if signing(keys, stored.now) is not None and standby(keys, stored.now) is not None:
            return None
        return due(self._schedules[kind], keys, stored.now).make

    def _load(self) -> tuple[StoredKeys, InvalidSettings | None]:
        """Read all keys; also the reason, if one of them could not be opened.

        A key that was opened before is not opened again.
        """
        stored = self._store.keys()
        opened, failure = {}, None
        for key in stored.keys:
            if key.compromised_at is not None:
                continue
            try:
                opened[key.kid] = self._opened.get(key.kid) or unseal(key, self._secrets)
            except InvalidSettings as error:
                failure = error
        given_up = [key for key in stored.keys if key.kid in self._opened and key.compromised_at is not None]
        self._opened = opened
        for kind, ring in self._rings.items():
            ring.replace(_of(kind, stored), opened)
        self.version = stored.version
        for key in given_up:
            self._notify(KeyCompromised(kid=key.kid, kind=key.kind))
        return stored, failure

    def _make(self, kind: KeyKind, task: NextKey) -> None:
        try:
            key = Key.generate(task.algorithm)
        except InvalidKey as error:
            raise InvalidSettings(f"signing_algorithm: {error}") from None
        if self._insert(kind, task, key):
            self._notify(KeyCreated(kid=key.kid, kind=kind))

    def _insert(self, kind: KeyKind, task: NextKey, key: Key) -> bool:
        sealed = seal(key, self._secrets[0], kind=kind, epoch=task.epoch)
        return self._store.insert_key(
            kind, task.epoch, key.kid, key.alg, sealed, not_before=task.not_before, lead=task.lead
        )


def _of(kind: KeyKind, stored: StoredKeys) -> list[SealedKey]:
    return [key for key in stored.keys if key.kind == kind]
