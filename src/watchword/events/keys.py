"""Events of keys: our signing keys, and the key sets of other issuers."""

from __future__ import annotations

import logging

from watchword.events.event import Act, Event

__all__ = [
    "KeyAdvanced",
    "KeyCompromised",
    "KeyCreated",
    "KeyDeclaredCompromised",
    "KeyDeleted",
    "KeyFetchFailed",
    "KeyImported",
    "KeysFetched",
    "KeysResealed",
]


class KeyCreated(Event, frozen=True, kw_only=True):
    """A signing key was created.

    Attributes:
        kid: the id of the key.
        kind: ``public`` or ``internal``.
    """

    name = "key_created"

    kid: str
    kind: str


class KeyCompromised(Event, frozen=True, kw_only=True):
    """This process stopped using a signing key that was declared compromised.

    Attributes:
        kid: the id of the key.
        kind: ``public`` or ``internal``.
    """

    name = "key_compromised"
    level = logging.WARNING

    kid: str
    kind: str


class KeyDeleted(Event, frozen=True, kw_only=True):
    """A signing key was deleted, because no session needs it any more.

    Attributes:
        kid: the id of the key.
        kind: ``public`` or ``internal``.
    """

    name = "key_deleted"

    kid: str
    kind: str


# -- acts ----------------------------------------------------------------------------------------


class KeyDeclaredCompromised(Act, frozen=True, kw_only=True):
    """A signing key was declared compromised. Each process then records :class:`KeyCompromised`.

    Attributes:
        kid: the id of the key.
        kind: ``public`` or ``internal``.
    """

    name = "key_declared_compromised"
    level = logging.WARNING

    kid: str
    kind: str


class KeyAdvanced(Act, frozen=True, kw_only=True):
    """The next signing key was told to sign before its time.

    Attributes:
        kid: the id of the key.
        kind: ``public`` or ``internal``.
    """

    name = "key_advanced"

    kid: str
    kind: str


class KeyImported(Act, frozen=True, kw_only=True):
    """A signing key that was made elsewhere was added.

    Attributes:
        kid: the id of the key.
        kind: ``public`` or ``internal``.
    """

    name = "key_imported"

    kid: str
    kind: str


class KeysResealed(Act, frozen=True, kw_only=True):
    """All keys were sealed with the newest secret.

    Attributes:
        keys: the number of keys.
    """

    name = "keys_resealed"

    keys: int


# -- keys of other issuers -------------------------------------------------------------------------


class KeysFetched(Event, frozen=True, kw_only=True):
    """Keys of another issuer were fetched: for the first time, after a change, or after a failure.

    Attributes:
        source: the URL that the application gave: the URL of the key set or of the issuer.
        keys: the number of usable keys.
        skipped: the number of keys that are not usable.
    """

    name = "keys_fetched"

    source: str
    keys: int
    skipped: int = 0


class KeyFetchFailed(Event, frozen=True, kw_only=True):
    """Keys of another issuer could not be fetched. Keys that were fetched before stay in use for a day.

    Attributes:
        source: as in :class:`KeysFetched`.
        reason: the reason, for people.
    """

    name = "key_fetch_failed"
    level = logging.WARNING

    source: str
    reason: str
