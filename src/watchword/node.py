"""A process among others: the stores, the keys and the revocation feed that it shares with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from watchword.deprecation import warn_renamed
from watchword.errors import StoreUnavailable
from watchword.events import Event, Listener, log_event
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet
from watchword.keyring import Keyring, plan_schedules
from watchword.keyring.operator_secret import derive_key, find_secrets
from watchword.sessions import FeedStatus, Revocations, SettingsRecord
from watchword.sessions.shared_settings import SharedSettings
from watchword.settings import Settings
from watchword.stores.combined import CombinedStore
from watchword.stores.contract import Stores
from watchword.stores.opening import find_announcements

__all__ = ["Node"]

logger = logging.getLogger("watchword.events")


class Node:
    """A process that shares stores with other processes.

    It follows the keys, the ended sessions and the settings of the other nodes. :class:`~watchword.Auth` adds
    logins and sessions.

    Args:
        settings: the settings of this node.
        stores: the stores. :meth:`close` closes them.
        key: a fixed key that signs access tokens in place of the keyring's keys.
        listeners: called with every event, after the log.

    Attributes:
        settings: the settings of this node.
        stores: the stores.
        keyring: our keys.

    Raises:
        InvalidSettings: the secret does not open the stored keys.
        StoreUnavailable: a store does not answer.
    """

    def __init__(
        self, settings: Settings, stores: Stores, *, key: Key | None, listeners: Iterable[Listener]
    ) -> None:
        self.settings = settings
        self.stores = stores
        self._listeners: tuple[Listener, ...] = (log_event, *listeners)
        self._fixed_keys = KeySet([key]) if key else None
        try:
            sealing = find_secrets(settings, stores)
            self._revocations = Revocations(
                stores.sessions,
                interval=settings.revocation_interval,
                max_age=settings.revocation_max_age,
                grace=settings.leeway,
                when_stale=settings.when_stale,
                on_key_version=self._follow_keys,
                on_settings=self._follow_settings,
                announcements=find_announcements(settings, stores),
                in_background=self._tend_keys,
            )
            self.keyring = Keyring(
                stores.keys,
                sealing,
                plan_schedules(settings),
                clock=self._revocations.now,
                notify=self._notify,
            )
        except BaseException:
            stores.close()
            raise
        # A function, because the repr of an attribute must not show a secret. The oldest secret stays
        # the same when a secret is added.
        self._derive_key: Callable[[str], bytes] = lambda purpose: derive_key(sealing[-1], purpose)
        self._settings_record = SettingsRecord(stores.sessions, settings, notify=self._notify)
        self._followed = self._settings_record.recorded

    # -- keys --------------------------------------------------------------------------------------

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWK Set (RFC 7517 §5). Secret keys are never in it.

        If the store does not answer, these are the last known keys.
        """
        return self.find_published_keys().to_jwks()

    def find_published_keys(self) -> KeySet:
        """Return the keys behind :meth:`jwks`. The set's ``version`` changes whenever the keys change."""
        if self._fixed_keys:
            return self._fixed_keys
        with suppress(StoreUnavailable):
            self._revocations.ensure_fresh()
        return self.keyring.public.keys

    def published_keys(self) -> KeySet:
        """Return the published keys. Deprecated: use :meth:`find_published_keys`."""
        warn_renamed("Auth.published_keys", "Auth.find_published_keys")
        return self.find_published_keys()

    def jwks_max_age(self) -> int:
        """Return for how many seconds a client may cache :meth:`jwks`: until the next change at most.

        Zero if this process may have missed a change.
        """
        longest = self.settings.jwks_max_age
        if self._fixed_keys:
            return longest
        if not self.ready():
            return 0
        return max(1, int(min(longest, self.keyring.public.find_next_change() - self.now())))

    # -- the revocation feed -----------------------------------------------------------------------

    def ready(self) -> bool:
        """Return whether verifying an access token would do no I/O now."""
        return self._revocations.is_ready()

    def is_free_of_io(self) -> bool:
        """Return whether :meth:`find_published_keys`, and verifying an access token, do no I/O for a moment.

        Both may still raise. An event loop may call them directly.
        """
        return self._revocations.is_free_of_io()

    def revocation_staleness(self) -> float:
        """Return by how many seconds this process may be late with sessions that ended in others."""
        return self._revocations.measure_staleness()

    def revocation_status(self) -> FeedStatus:
        """Return the status of this process's revocation feed."""
        return self._revocations.read_status()

    # -- operation ---------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise unless this process can serve requests. Meant for readiness probes.

        Raises:
            StoreUnavailable: a store does not answer.
            RevocationsUnavailable: the stores answer, but the polls for ended sessions fail.
        """
        self.stores.now()
        self._revocations.check()

    def find_settings_that_differ(self) -> tuple[str, ...]:
        """Return the names of the settings in which this node differs from the node that started last."""
        return self._settings_record.find_differences()

    def now(self) -> float:
        """Return the store's time in seconds since the epoch, carried forward from the last poll."""
        return self._revocations.now()

    @property
    def store(self) -> CombinedStore:
        """All ports as a single object. Deprecated: use ``stores``."""
        warn_renamed("Auth.store", "Auth.stores")
        return CombinedStore(self.stores)

    def add_listener(self, listener: Listener) -> None:
        """Call this listener, too, with every event from now on."""
        self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: Listener) -> None:
        """Call this listener no more. Does nothing if it is not a listener."""
        self._listeners = tuple(each for each in self._listeners if each != listener)

    def close(self) -> None:
        """Stop the polling thread and close the stores' connections. They open again when used."""
        self._revocations.close()
        self.stores.close()

    def _follow_keys(self, version: int | None) -> None:
        """Use the keys that the other nodes use, and no key that is compromised."""
        if version is None or not self.stores.has_keys_beside_sessions():
            version = self.stores.keys.list_keys().version
        self.keyring.follow(version)

    def _tend_keys(self) -> None:
        self.keyring.tend()

    def _follow_settings(self, recorded: str) -> None:
        """Accept what the other nodes accept, whatever this node's own settings are."""
        shared = self._settings_record.follow(recorded)
        if shared != self._followed and self._revocations.keep_ends_for(shared.leeway):
            self._apply(shared)
            self._followed = shared

    def _apply(self, shared: SharedSettings) -> None:
        """Use these settings from now on."""

    def _notify(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # The session has started or ended, and its caller must not get another result.
                logger.exception("a listener failed at the event %s", event.name)
