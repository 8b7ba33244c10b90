"""Decide what each of our keys does at a time, from a schedule and the stored keys. Pure functions.

A key is *published* before it *signs*. Then it *verifies* until the last token that it signed has expired,
and then it is *gone*. A single key signs at a time: the newest key after its start. So a key stops signing
when the next key starts. A next key is always published already: if the signing key is compromised,
every cache knows its successor. The store's clock decides, because all nodes share it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from watchword.deprecation import make_getattr
from watchword.settings import Settings
from watchword.stores.contract import KeyKind, SealedKey

__all__ = [
    "DueSteps",
    "KeyState",
    "NextKey",
    "Phase",
    "Schedule",
    "find_due_steps",
    "find_next_change",
    "find_signing_key",
    "find_standby_key",
    "plan_schedules",
    "tell_phase",
]

KeyState: TypeAlias = Literal["published", "replaced", "signing", "verifying", "compromised", "gone"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How the keys of a kind take turns. All times are in seconds.

    Attributes:
        algorithm: the algorithm of the next key.
        rotation_period: how long a key signs.
        publish_lead: the shortest time for which a key is published before it signs. It is longer than any
            cache keeps a JWKS, and than any node goes on without polling the store.
        verify_for: how long a key verifies after its successor started to sign: the longest lifetime of a
            token.
    """

    algorithm: str
    rotation_period: float
    publish_lead: float
    verify_for: float


def plan_schedules(settings: Settings) -> dict[KeyKind, Schedule]:
    """Return the schedule of each kind of key, as the settings have it."""
    # A process that cannot poll goes on signing with the previous key for that long.
    late = settings.leeway + settings.revocation_max_age

    def plan(algorithm: str, lifetime: int) -> Schedule:
        return Schedule(
            algorithm=algorithm,
            rotation_period=settings.rotation_period,
            publish_lead=settings.publish_lead,
            verify_for=lifetime + late,
        )

    return {
        "public": plan(settings.signing_algorithm, settings.access_lifetime),
        "internal": plan("HS256", settings.session_lifetime),
    }


class Phase(msgspec.Struct, frozen=True):
    """What a key does now.

    Attributes:
        state: ``published`` and waiting for its turn, ``replaced`` before its turn came, ``signing``,
            ``verifying`` what it signed, ``compromised`` and not used any more, or ``gone`` and to be
            deleted.
        until: when that changes, in seconds since the epoch. Infinite if nothing is planned.
    """

    state: KeyState
    until: float


class NextKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be made.

    Attributes:
        epoch: its number.
        algorithm: its algorithm.
        not_before: when its turn comes, in seconds since the epoch.
        lead: the shortest time in seconds for which it is published before.
    """

    epoch: int
    algorithm: str
    not_before: float
    lead: float


class DueSteps(msgspec.Struct, frozen=True):
    """The steps that are due for the keys of a kind.

    Attributes:
        make: the key to make, if a key is missing.
        delete: the ids of the keys that are gone.
    """

    make: NextKey | None
    delete: tuple[str, ...]


def find_signing_key(keys: Sequence[SealedKey], now: float) -> SealedKey | None:
    """Return the key that signs: the newest key after its start.

    If no key has started, return the next key. Then every earlier key is compromised, or the store's time was
    set back. Return ``None`` if no key can be used.
    """
    begun = [key for key in _select_usable(keys) if key.signs_from <= now]
    return max(begun, key=attrgetter("epoch"), default=None) or _find_first(_select_usable(keys))


def find_standby_key(keys: Sequence[SealedKey], now: float) -> SealedKey | None:
    """Return the key that signs next, or ``None`` if there is no such key."""
    signer = find_signing_key(keys, now)
    return _find_first(key for key in _select_usable(keys) if key.signs_from > now and key is not signer)


def tell_phase(schedule: Schedule, keys: Sequence[SealedKey], key: SealedKey, now: float) -> Phase:
    """Return what a key among ``keys`` does now, and until when."""
    phases = _list_phases(schedule, keys, key, now)
    return next((phase for phase in phases if now < phase.until), Phase("gone", math.inf))


def find_due_steps(schedule: Schedule, keys: Sequence[SealedKey], now: float) -> DueSteps:
    """Return what has to be done with the keys now."""
    newest = max((key.epoch for key in keys), default=0)
    gone = [
        key.kid
        for key in keys
        if key.epoch != newest  # The next epoch is counted from the newest.
        and tell_phase(schedule, keys, key, now).state == "gone"
    ]
    return DueSteps(_plan_next_key(schedule, keys, newest + 1, now), tuple(gone))


def find_next_change(schedule: Schedule, keys: Sequence[SealedKey], now: float) -> float:
    """Return when the first of the keys changes its phase. Infinite if none ever does."""
    return min((tell_phase(schedule, keys, key, now).until for key in keys), default=math.inf)


def _plan_next_key(schedule: Schedule, keys: Sequence[SealedKey], epoch: int, now: float) -> NextKey | None:
    """Return the key to make if no key waits, or none of the wanted algorithm."""
    signer, waiting = find_signing_key(keys, now), _find_waiting_key(keys, now)
    if signer is None:
        # The first key needs no lead: no cache has a JWKS without it.
        return NextKey(epoch=epoch, algorithm=schedule.algorithm, not_before=now, lead=0)
    if waiting is None:
        turn = signer.signs_from + schedule.rotation_period
    elif waiting.alg == schedule.algorithm or now < waiting.created_at + schedule.publish_lead:
        # During a rolling restart nodes have different settings. This bounds how often they replace each
        # other's key.
        return None
    else:
        turn = waiting.signs_from
    return NextKey(epoch=epoch, algorithm=schedule.algorithm, not_before=turn, lead=schedule.publish_lead)


def _find_waiting_key(keys: Sequence[SealedKey], now: float) -> SealedKey | None:
    """Return the newest key if it waits for its turn."""
    newest = max(_select_usable(keys), key=attrgetter("epoch"), default=None)
    return None if newest is None or newest is find_signing_key(keys, now) else newest


def _list_phases(schedule: Schedule, keys: Sequence[SealedKey], key: SealedKey, now: float) -> list[Phase]:
    """Return the phases of a key in their order, until it is gone."""
    if key.compromised_at is not None:
        return [Phase("compromised", key.compromised_at + schedule.verify_for)]
    successor = _find_first(later for later in _select_usable(keys) if later.epoch > key.epoch)
    stops = math.inf if successor is None else successor.signs_from
    if successor is not None and stops <= key.signs_from:
        # The key never signs. It is not needed once all nodes know its successor.
        return [Phase("replaced", successor.created_at + schedule.publish_lead)]
    waits = [] if key is find_signing_key(keys, now) else [Phase("published", key.signs_from)]
    return [*waits, Phase("signing", stops), Phase("verifying", stops + schedule.verify_for)]


def _select_usable(keys: Sequence[SealedKey]) -> list[SealedKey]:
    return [key for key in keys if key.compromised_at is None]


def _find_first(keys: Iterable[SealedKey]) -> SealedKey | None:
    """Return the key that signs first. If two have the same time, the newer key replaces the older."""
    return min(keys, key=lambda key: (key.signs_from, -key.epoch), default=None)


if not TYPE_CHECKING:  # A type checker would accept any name of a module with this function.
    __getattr__ = make_getattr(
        __name__,
        {
            "due": f"{__name__}.find_due_steps",
            "phase": f"{__name__}.tell_phase",
            "signing": f"{__name__}.find_signing_key",
            "standby": f"{__name__}.find_standby_key",
        },
    )
