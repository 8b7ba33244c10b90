"""What each of our keys does when: pure functions of a schedule, the stored keys of one kind, and the time.

A key is *published* before it *signs*, then it *verifies* until the last token that it signed has expired,
and then it is *gone*. One key signs at a time, the newest whose time has come, so a key stops when the next
one starts. There is always a next one, published already: when a key is compromised, the one that takes its
place is known to every cache. A clock that all nodes share decides, and not what a node has noticed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from watchword.settings import Settings
from watchword.stores.contract import KeyKind, SealedKey

__all__ = [
    "Due",
    "NextKey",
    "Phase",
    "Schedule",
    "State",
    "due",
    "next_change",
    "phase",
    "schedules",
    "signing",
    "standby",
]

State: TypeAlias = Literal["published", "replaced", "signing", "verifying", "compromised", "gone"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How the keys of one kind take turns. Times are seconds.

    Attributes:
        algorithm: what the next key is made for.
        rotation_period: how long a key signs.
        publish_lead: how long a key is published before it signs, at least; longer than any cache keeps a
            JWKS, and than any node goes on without news.
        verify_for: how long a key verifies after another took its place: as long as the longest token lives.
    """

    algorithm: str
    rotation_period: float
    publish_lead: float
    verify_for: float


def schedules(settings: Settings) -> dict[KeyKind, Schedule]:
    """How our keys take turns: those that sign access tokens, and those of tokens that only we read."""
    # a process without news goes on signing with the key before for that long
    late = settings.leeway + settings.revocation_max_age

    def schedule(algorithm: str, lifetime: int) -> Schedule:
        return Schedule(
            algorithm=algorithm,
            rotation_period=settings.rotation_period,
            publish_lead=settings.publish_lead,
            verify_for=lifetime + late,
        )

    return {
        "public": schedule(settings.signing_algorithm, settings.access_lifetime),
        "internal": schedule("HS256", settings.session_lifetime),
    }


class Phase(msgspec.Struct, frozen=True):
    """What a key does now.

    Attributes:
        state: ``published`` and waiting for its turn; ``replaced`` before its turn came; ``signing``;
            ``verifying`` what it signed; ``compromised`` and good for nothing; ``gone`` and to be deleted.
        until: when that changes; infinite while nothing is planned.
    """

    state: State
    until: float


class NextKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be made.

    Attributes:
        epoch: its number.
        algorithm: its algorithm.
        not_before: when its turn comes.
        lead: how long it has to be published before, at least.
    """

    epoch: int
    algorithm: str
    not_before: float
    lead: float


class Due(msgspec.Struct, frozen=True):
    """What is to be done now.

    Attributes:
        make: the key to make, if one is missing.
        delete: the ids of the keys that are gone.
    """

    make: NextKey | None
    delete: tuple[str, ...]


def signing(keys: Sequence[SealedKey], now: float) -> SealedKey | None:
    """The key that signs: the newest whose time has come.

    If none has (every key before it is compromised, or the store's time was set back), the next one signs;
    ``None`` if there is none.
    """
    begun = [key for key in _usable(keys) if key.signs_from <= now]
    return max(begun, key=_epoch, default=None) or _first(_usable(keys))


def standby(keys: Sequence[SealedKey], now: float) -> SealedKey | None:
    """The key that signs next; ``None`` if there is none."""
    signer = signing(keys, now)
    return _first(key for key in _usable(keys) if key.signs_from > now and key is not signer)


def phase(schedule: Schedule, keys: Sequence[SealedKey], key: SealedKey, now: float) -> Phase:
    """What one of the keys does now, and until when."""
    timeline = _timeline(schedule, keys, key, now)
    return next((phase for phase in timeline if now < phase.until), Phase("gone", math.inf))


def due(schedule: Schedule, keys: Sequence[SealedKey], now: float) -> Due:
    """What is to be done about the keys now."""
    newest = max((key.epoch for key in keys), default=0)
    gone = [
        key.kid
        for key in keys
        if key.epoch != newest  # epochs count on from it
        and phase(schedule, keys, key, now).state == "gone"
    ]
    return Due(_missing(schedule, keys, newest + 1, now), tuple(gone))


def next_change(schedule: Schedule, keys: Sequence[SealedKey], now: float) -> float:
    """When one of the keys does something else than now; infinite if never."""
    return min((phase(schedule, keys, key, now).until for key in keys), default=math.inf)


def _missing(schedule: Schedule, keys: Sequence[SealedKey], epoch: int, now: float) -> NextKey | None:
    """The key to make, if there is no next one, or none of the algorithm that is wanted."""
    signer, waiting = signing(keys, now), _waiting(keys, now)
    if signer is None:
        # the first key: nobody has a JWKS without it
        return NextKey(epoch=epoch, algorithm=schedule.algorithm, not_before=now, lead=0)
    if waiting is None:
        turn = signer.signs_from + schedule.rotation_period
    elif waiting.alg == schedule.algorithm or now < waiting.created_at + schedule.publish_lead:
        # nodes whose settings differ, while they are restarted, replace each other's only so often
        return None
    else:
        turn = waiting.signs_from
    return NextKey(epoch=epoch, algorithm=schedule.algorithm, not_before=turn, lead=schedule.publish_lead)


def _waiting(keys: Sequence[SealedKey], now: float) -> SealedKey | None:
    """The newest key, if it waits for its turn."""
    newest = max(_usable(keys), key=_epoch, default=None)
    return None if newest is None or newest is signing(keys, now) else newest


def _timeline(schedule: Schedule, keys: Sequence[SealedKey], key: SealedKey, now: float) -> list[Phase]:
    """What a key does, one after the other, until it is gone."""
    if key.compromised_at is not None:
        return [Phase("compromised", key.compromised_at + schedule.verify_for)]
    successor = _first(later for later in _usable(keys) if later.epoch > key.epoch)
    stops = math.inf if successor is None else successor.signs_from
    if successor is not None and stops <= key.signs_from:
        # it never signs, and once all nodes know that, nobody needs it
        return [Phase("replaced", successor.created_at + schedule.publish_lead)]
    waits = [] if key is signing(keys, now) else [Phase("published", key.signs_from)]
    return [*waits, Phase("signing", stops), Phase("verifying", stops + schedule.verify_for)]


def _usable(keys: Sequence[SealedKey]) -> list[SealedKey]:
    return [key for key in keys if key.compromised_at is None]


def _first(keys: Iterable[SealedKey]) -> SealedKey | None:
    """The one that signs first; of those with the same time the newest, which replaces the others."""
    return min(keys, key=lambda key: (key.signs_from, -key.epoch), default=None)


def _epoch(key: SealedKey) -> int:
    return key.epoch
