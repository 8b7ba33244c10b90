"""The keyring: our own keys, sealed in the store and the same on every node."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from watchword.errors import InvalidKey, InvalidSettings, RotationRefused
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
from watchword.keyring.ring import Ring
from watchword.keyring.schedule import (
    NextKey,
    Phase,
    Schedule,
    find_due_steps,
    find_signing_key,
    find_standby_key,
    tell_phase,
)
from watchword.keyring.sealing import seal, unseal
from watchword.stores.contract import KeyKind, KeyStore, SealedKey, StoredKeys

__all__ = ["Keyring"]

logger = logging.getLogger("watchword.keys")

_LONGEST_KID = 256  # Characters: a kid is in every token and on the operator's screen.


class Keyring:
    """Our keys of both kinds.

    ``public`` keys sign access tokens and stand in the JWKS. ``internal`` keys sign tokens that only we read,
    and they are never published.

    A method changes the keys in the store only. Every process reads the change after its next poll, which
    calls :meth:`follow`.

    Args:
        store: where the keys are kept.
        secrets: the operator's secrets, newest first. The newest seals keys, any of them opens keys.
        schedules: how the keys of each kind take turns.
        clock: the store's time.
        notify: told of each change of the keys.

    Raises:
        InvalidSettings: no secret opens a stored key, or a new key cannot be made.
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
        self._notify = notify
        self._clock = clock
        self._rings: dict[KeyKind, Ring] = {
            kind: Ring(schedule, clock) for kind, schedule in schedules.items()
        }
        self._unsealed: dict[str, Key] = {}
        self.version: int | None = None
        self._start()

    @property
    def public(self) -> Ring:
        """The keys that sign access tokens."""
        return self._rings["public"]

    @property
    def internal(self) -> Ring:
        """The keys that sign refresh tokens, and tokens that work once."""
        return self._rings["internal"]

    def follow(self, version: int) -> None:
        """Read the keys from the store, unless this process has that version already. Called after a poll.

        A key that cannot be unsealed is logged and not used. The other keys are used.

        Raises:
            StoreUnavailable: the store does not answer. The keys stay as they were.
        """
        if version == self.version:
            return
        _, failure = self._load()
        if failure is not None:
            logger.error("a new signing key is not used by this process: %s", failure)

    def tend(self) -> None:
        """Make the next keys and delete the keys that are gone, if it is time. May take a second for RSA.

        If several processes make the same key, the store keeps the first key.

        Raises:
            InvalidSettings: the algorithm of the settings is not available here.
            StoreUnavailable: the store does not answer.
        """
        for kind, ring in self._rings.items():
            steps = find_due_steps(self._schedules[kind], ring.stored, self._clock())
            if steps.make is not None:
                self._make(kind, steps.make)
            if steps.delete:
                for kid in self._store.delete_keys(steps.delete):
                    self._notify(KeyDeleted(kid=kid, kind=kind))

    # -- for the operator --------------------------------------------------------------------------

    def list_phases(self) -> Sequence[tuple[SealedKey, Phase]]:
        """Return each key in the store with what it does now, oldest first.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.list_keys()
        return [
            (key, tell_phase(self._schedules[key.kind], _select_kind(key.kind, stored), key, stored.now))
            for key in stored.keys
        ]

    def rotate(self, kind: KeyKind, *, actor: str | None = None) -> SealedKey:
        """Let the next key sign as soon as every cache must know it. Return that key.

        Raises:
            RotationRefused: there is no next key at the moment.
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.list_keys()
        following = find_standby_key(_select_kind(kind, stored), stored.now)
        lead = self._schedules[kind].publish_lead
        advanced = None if following is None else self._store.advance_key(following.kid, lead=lead)
        if advanced is None:
            raise RotationRefused("the next key is being made at this moment: try again")
        self._notify(KeyAdvanced(kid=advanced.kid, kind=kind, actor=actor))
        return advanced

    def compromise(self, kid: str, *, actor: str | None = None) -> SealedKey:
        """Stop using a key now and invalidate the tokens it signed. The next key signs in its place.

        Returns:
            The key as it was before.

        Raises:
            RotationRefused: no key has that id, the key is compromised already, or no other key could sign.
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.list_keys()
        key = next((key for key in stored.keys if key.kid == kid), None)
        if key is None:
            raise RotationRefused("no key has this kid: `watchword key list` shows the keys")
        if key.compromised_at is not None:
            raise RotationRefused("the key is compromised already")
        siblings = _select_kind(key.kind, stored)
        is_signing = key is find_signing_key(siblings, stored.now)
        following = find_standby_key(siblings, stored.now) if is_signing else None
        successor = None if following is None else following.kid
        if not self._store.compromise_key(kid, successor=successor):
            raise RotationRefused(
                "no other key could sign: the next key is being made at this moment. Try again"
            )
        self._notify(KeyDeclaredCompromised(kid=kid, kind=key.kind, actor=actor))
        return key

    def add(self, key: Key, *, actor: str | None = None) -> SealedKey:
        """Take a key that was made elsewhere as the next public key.

        Raises:
            RotationRefused: the key cannot sign, its algorithm is not the setting's, its ``kid`` belongs to
                another key or cannot be printed, or another key was made at the same moment.
            StoreUnavailable: the store does not answer.
        """
        schedule = self._schedules["public"]
        if not key.allows("sign"):
            raise RotationRefused("the key cannot sign: give the private key")
        if key.alg != schedule.algorithm:
            raise RotationRefused(
                f"the key is for {key.alg}, and signing_algorithm is {schedule.algorithm}: "
                "give a key of that algorithm, or change the setting"
            )
        if not (0 < len(key.kid) <= _LONGEST_KID and key.kid.isprintable()):
            raise RotationRefused(f"the kid of the key must be 1 to {_LONGEST_KID} printable characters")
        stored = self._store.list_keys()
        siblings = _select_kind("public", stored)
        following = find_standby_key(siblings, stored.now)
        wanted = NextKey(
            epoch=max((sibling.epoch for sibling in siblings), default=0) + 1,
            algorithm=key.alg,
            not_before=stored.now if following is None else following.signs_from,
            lead=schedule.publish_lead,
        )
        if any(other.kid == key.kid for other in stored.keys) or not self._insert("public", wanted, key):
            raise RotationRefused("a key with this kid exists, or another key was made at the same moment")
        self._notify(KeyImported(kid=key.kid, kind="public", actor=actor))
        return next(added for added in self._store.list_keys().keys if added.kid == key.kid)

    def reseal(self, *, actor: str | None = None) -> int:
        """Seal every key that is not compromised with the newest secret. Return how many keys that were.

        Raises:
            InvalidSettings: no secret opens a key.
            RotationRefused: another process changed the keys at the same moment.
            StoreUnavailable: the store does not answer.
        """
        stored = self._store.list_keys()
        resealed = {
            key.sealed: seal(unseal(key, self._secrets), self._secrets[0], kind=key.kind, epoch=key.epoch)
            for key in stored.keys
            if key.compromised_at is None
        }
        if not self._store.reseal_keys(resealed):
            raise RotationRefused("another process changed the keys at the same moment: try again")
        self._notify(KeysResealed(keys=len(resealed), actor=actor))
        return len(resealed)

    # -- inside ------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Load the keys, and make the keys without which nothing works. :meth:`tend` does everything else.

        A command beside a server may have other settings than the server, so it must not replace keys.
        """
        while True:
            stored, failure = self._load()
            if failure is not None:
                raise failure
            missing = [
                (kind, step)
                for kind in self._rings
                if (step := self._find_missing_key(kind, stored)) is not None
            ]
            if not missing:
                return
            for kind, step in missing:
                self._make(kind, step)

    def _find_missing_key(self, kind: KeyKind, stored: StoredKeys) -> NextKey | None:
        keys = _select_kind(kind, stored)
        has_signer = find_signing_key(keys, stored.now) is not None
        if has_signer and find_standby_key(keys, stored.now) is not None:
            return None
        return find_due_steps(self._schedules[kind], keys, stored.now).make

    def _load(self) -> tuple[StoredKeys, InvalidSettings | None]:
        """Read all keys. Return them, and the error if a key could not be unsealed.

        A key that was unsealed before is not unsealed again.
        """
        stored = self._store.list_keys()
        unsealed, failure = {}, None
        for key in stored.keys:
            if key.compromised_at is not None:
                continue
            try:
                unsealed[key.kid] = self._unsealed.get(key.kid) or unseal(key, self._secrets)
            except InvalidSettings as error:
                failure = error
        given_up = [
            key for key in stored.keys if key.kid in self._unsealed and key.compromised_at is not None
        ]
        self._unsealed = unsealed
        for kind, ring in self._rings.items():
            ring.replace(_select_kind(kind, stored), unsealed)
        self.version = stored.version
        for key in given_up:
            self._notify(KeyCompromised(kid=key.kid, kind=key.kind))
        return stored, failure

    def _make(self, kind: KeyKind, wanted: NextKey) -> None:
        try:
            key = Key.generate(wanted.algorithm)
        except InvalidKey as error:
            raise InvalidSettings(f"signing_algorithm: {error}") from None
        if self._insert(kind, wanted, key):
            self._notify(KeyCreated(kid=key.kid, kind=kind))

    def _insert(self, kind: KeyKind, wanted: NextKey, key: Key) -> bool:
        sealed = seal(key, self._secrets[0], kind=kind, epoch=wanted.epoch)
        return self._store.insert_key(
            kind, wanted.epoch, key.kid, key.alg, sealed, not_before=wanted.not_before, lead=wanted.lead
        )


def _select_kind(kind: KeyKind, stored: StoredKeys) -> list[SealedKey]:
    return [key for key in stored.keys if key.kind == kind]
