"""The life of keys: single decisions first, then any history of a keyring."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from watchword.keyring import schedule
from watchword.keyring.schedule import (
    NextKey,
    Phase,
    Schedule,
    find_due_steps,
    find_next_change,
    find_signing_key,
    find_standby_key,
    tell_phase,
)
from watchword.stores.contract import SealedKey

SCHEDULE = Schedule(algorithm="EdDSA", rotation_period=100, publish_lead=10, verify_for=50)


def key(epoch: int, signs_from: float, **changes: Any) -> SealedKey:
    fields = {
        "kind": "public", "kid": f"key {epoch}", "alg": "EdDSA", "sealed": "", "created_at": signs_from - 100,
    }  # fmt: skip
    return SealedKey(epoch=epoch, signs_from=signs_from, **fields | changes)


def named(found: SealedKey | None) -> int | None:
    return found and found.epoch


def states(keys: list[SealedKey], now: float) -> list[str]:
    return [tell_phase(SCHEDULE, keys, one, now).state for one in keys]


ROUND = [key(1, 0), key(2, 100), key(3, 200)]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (0, ["signing", "published", "published"]),
        (99.9, ["signing", "published", "published"]),
        (100, ["verifying", "signing", "published"]),
        (149.9, ["verifying", "signing", "published"]),
        (150, ["gone", "signing", "published"]),
        (200, ["gone", "verifying", "signing"]),
        (9_999, ["gone", "gone", "signing"]),
    ],
)
def test_a_key_is_published_then_signs_then_verifies_then_is_gone(now, expected) -> None:
    assert states(ROUND, now) == expected
    assert states(ROUND[::-1], now) == expected[::-1], "their order in the store means nothing"


@pytest.mark.parametrize(
    ("now", "epoch", "expected"),
    [
        (0, 1, Phase("signing", 100)),
        (0, 2, Phase("published", 100)),
        (120, 1, Phase("verifying", 150)),
        (150, 1, Phase("gone", math.inf)),
        (250, 3, Phase("signing", math.inf)),
    ],
)
def test_a_phase_says_until_when(now, epoch, expected) -> None:
    assert tell_phase(SCHEDULE, ROUND, ROUND[epoch - 1], now) == expected


@pytest.mark.parametrize(("now", "expected"), [(0, 100), (100, 150), (150, 200), (250, math.inf)])
def test_the_next_change_is_the_first_of_any_key(now, expected) -> None:
    keys = ROUND[:2] if now < 150 else ROUND[1:] if now < 250 else ROUND[2:]
    assert find_next_change(SCHEDULE, keys, now) == expected


def test_without_keys_nothing_signs_and_nothing_changes() -> None:
    assert find_signing_key([], 0) is None
    assert find_standby_key([], 0) is None
    assert find_next_change(SCHEDULE, [], 0) == math.inf


def test_a_compromised_key_neither_signs_nor_comes_next() -> None:
    bad = {"compromised_at": 120.0}
    keys = [key(1, 0), key(2, 100, **bad), key(3, 200), key(4, 210, **bad)]
    assert named(find_signing_key(keys, 130)) == 1, "the one before it, until the next one's time has come"
    assert named(find_standby_key(keys, 130)) == 3
    assert states(keys, 130) == ["signing", "compromised", "published", "compromised"]
    assert states(keys, 170) == ["signing", "gone", "published", "gone"]


def test_a_standby_signs_where_no_other_key_is_left() -> None:
    keys = [key(1, 0, compromised_at=5.0), key(2, 100), key(3, 200)]
    assert named(find_signing_key(keys, 50)) == 2
    assert named(find_standby_key(keys, 50)) == 3
    assert tell_phase(SCHEDULE, keys, keys[1], 50) == Phase("signing", 200)


def test_a_standby_whose_turn_another_took_never_signs_and_goes_when_that_is_known() -> None:
    keys = [key(1, 0), key(2, 100, alg="ES256"), key(3, 100, created_at=40)]
    assert named(find_standby_key(keys, 45)) == 3
    assert tell_phase(SCHEDULE, keys, keys[1], 45) == Phase("replaced", 50)
    assert tell_phase(SCHEDULE, keys, keys[1], 50) == Phase("gone", math.inf)
    assert [named(find_signing_key(keys, now)) for now in (99, 100)] == [1, 3]


# -- what is due ---------------------------------------------------------------------------------


def made(keys: list[SealedKey], now: float, **changes: Any) -> NextKey | None:
    return find_due_steps(msgspec.structs.replace(SCHEDULE, **changes), keys, now).make


def test_the_first_key_signs_at_once() -> None:
    assert made([], 7) == NextKey(epoch=1, algorithm="EdDSA", not_before=7, lead=0)


def test_where_all_keys_are_compromised_the_next_signs_at_once() -> None:
    assert made([key(4, 0, compromised_at=5.0)], 7) == NextKey(
        epoch=5, algorithm="EdDSA", not_before=7, lead=0
    )


def test_the_next_key_is_made_as_soon_as_one_begins_to_sign() -> None:
    keys = [key(1, 0), key(2, 100)]
    assert made(keys, 99) is None
    assert made(keys, 100) == NextKey(epoch=3, algorithm="EdDSA", not_before=200, lead=10)
    assert made([*keys, key(3, 200)], 100) is None


def test_a_compromised_standby_gets_a_successor_with_its_turn() -> None:
    keys = [key(1, 0), key(2, 100, compromised_at=5.0)]
    assert made(keys, 6) == NextKey(epoch=3, algorithm="EdDSA", not_before=100, lead=10)


def test_another_algorithm_is_that_of_the_next_key_in_its_turn() -> None:
    keys = [key(1, 0), key(2, 100, created_at=0)]
    assert made(keys, 50, algorithm="ES256") == NextKey(epoch=3, algorithm="ES256", not_before=100, lead=10)
    assert made([*keys, key(3, 100, alg="ES256", created_at=50)], 50, algorithm="ES256") is None


def test_nodes_that_want_different_algorithms_replace_a_standby_once_in_a_lead_at_most() -> None:
    keys = [key(1, 0), key(2, 100, created_at=0)]
    assert made(keys, 9.9, algorithm="ES256") is None
    assert made(keys, 10, algorithm="ES256") is not None


def test_what_is_gone_is_deleted_but_never_the_newest_epoch() -> None:
    keys = [key(1, 0), key(2, 100), key(3, 200, compromised_at=130.0)]
    assert find_due_steps(SCHEDULE, keys, 149).delete == ()
    assert find_due_steps(SCHEDULE, keys[:2], 150).delete == ("key 1",)
    assert find_due_steps(SCHEDULE, [key(1, 0), key(3, 200, compromised_at=130.0)], 999).delete == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("due", find_due_steps),
        ("phase", tell_phase),
        ("signing", find_signing_key),
        ("standby", find_standby_key),
    ],
)
def test_an_old_name_works_and_warns(old, new) -> None:
    with pytest.warns(
        DeprecationWarning, match=rf"schedule\.{old} is deprecated: use .*\.{new.__name__}$"
    ) as seen:
        assert getattr(schedule, old) is new
    assert seen[0].filename == __file__


def test_a_name_that_never_was_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'next'"):
        _ = schedule.next


# -- any history ---------------------------------------------------------------------------------

LIFETIME, STALENESS, MAX_AGE = 40, 5, 7


class Histories(RuleBasedStateMachine):
    """Nodes that share a store, caches of the JWKS, and tokens, through any history.

    The store is a list with the contract's rules; its time goes on between two transactions. Nodes know what
    the store held up to ``STALENESS`` seconds ago, and caches what a node knew up to ``MAX_AGE`` before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.keys: list[SealedKey] = []
        self.history: list[tuple[float, list[SealedKey]]] = []
        self.tokens: list[tuple[str, float]] = []
        self.compromised: set[str] = set()
        self.unforeseen: set[str] = set()  # keys that had to sign before every cache could know them
        self.schedule = Schedule(
            algorithm="EdDSA", rotation_period=60, publish_lead=12, verify_for=LIFETIME + STALENESS
        )

    # -- the store's operations

    def commit(self, keys: list[SealedKey]) -> None:
        self.keys = keys
        self.history.append((self.now, keys))
        self.now += 0.001

    def change(self, kid: str, **values: Any) -> list[SealedKey]:
        return [msgspec.structs.replace(one, **values) if one.kid == kid else one for one in self.keys]

    def known(self, at: float) -> list[SealedKey]:
        """What the store held at some time."""
        return next((keys for time, keys in reversed(self.history) if time <= at), [])

    # -- what may happen

    @initialize()
    def begin(self) -> None:
        self.tend()

    @rule()
    def tend(self) -> None:
        for _ in range(3):
            tasks = find_due_steps(self.schedule, self.keys, self.now)
            kept = [one for one in self.keys if one.kid not in tasks.delete]
            if tasks.make is not None:
                make = tasks.make
                signs_from = max(make.not_before, self.now + make.lead)
                added = key(make.epoch, signs_from, created_at=self.now, alg=make.algorithm)
                if not make.lead:
                    self.unforeseen.add(added.kid)
                kept.append(added)
            if kept != self.keys:
                self.commit(kept)

    @rule(seconds=st.floats(0.001, 200))
    def wait_and_tend(self, seconds: float) -> None:
        """Time goes on, with nodes that poll."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, max(self.now + 0.01, find_next_change(self.schedule, self.keys, self.now)))
            self.tend()
            self.issue()

    @rule(seconds=st.floats(0.001, 500))
    def sleep(self, seconds: float) -> None:
        """Time goes on, with no node running."""
        self.now += seconds

    @rule(late=st.floats(0, STALENESS))
    def issue(self, late: float = 0.0) -> None:
        """A node that is a little behind signs a token, with a key that every cache has to know."""
        known = self.known(self.now - late)
        signer = find_signing_key(known, self.now)
        if signer is None or signer.kid in self.compromised:
            return  # what a node signs that has not heard of it is lost
        self.tokens.append((signer.kid, self.now + LIFETIME))
        if signer.kid not in self.unforeseen:
            cached = self.known(self.now - STALENESS - MAX_AGE)
            assert signer.kid in {one.kid for one in cached}, "a cache may not know the key"

    @rule()
    def rotate(self) -> None:
        following = find_standby_key(self.keys, self.now)
        if following is not None:
            soonest = max(self.now, following.created_at + self.schedule.publish_lead)
            self.commit(self.change(following.kid, signs_from=min(following.signs_from, soonest)))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def compromise(self, data: st.DataObject) -> None:
        usable = [one for one in self.keys if one.compromised_at is None]
        bad = data.draw(st.sampled_from(usable))
        following = (
            find_standby_key(self.keys, self.now) if bad is find_signing_key(self.keys, self.now) else None
        )
        others = [one for one in usable if one is not bad and (following or one.signs_from <= self.now)]
        if not others:
            return  # the store refuses
        keys = self.change(bad.kid, compromised_at=self.now)
        if following is not None:
            # no time is left: a standby that was made moments ago signs too, and caches have to fetch it
            self.unforeseen.add(following.kid)
            self.keys = keys
            keys = self.change(following.kid, signs_from=self.now)
        self.commit(keys)
        self.compromised.add(bad.kid)
        self.tokens = [token for token in self.tokens if token[0] != bad.kid]
        self.unforeseen.update(one.kid for one in others)

    @rule(
        rotation_period=st.sampled_from([25, 60, 300]),
        publish_lead=st.sampled_from([12, 13, 24]),
        algorithm=st.sampled_from(["EdDSA", "ES256"]),
    )
    def change_settings(self, **changes: Any) -> None:
        self.schedule = msgspec.structs.replace(self.schedule, **changes)

    # -- what always holds

    @invariant()
    def one_key_signs(self) -> None:
        if self.keys:
            signers = [one for one in self.keys if self.state(one) == "signing"]
            assert signers == [find_signing_key(self.keys, self.now)]

    @invariant()
    def every_token_verifies_until_it_expires(self) -> None:
        self.tokens = [token for token in self.tokens if token[1] > self.now]
        usable = {one.kid for one in self.keys if one.compromised_at is None}
        assert {kid for kid, _ in self.tokens} <= usable

    @invariant()
    def one_waits_and_nothing_is_kept_for_ever(self) -> None:
        self.tend()
        assert find_standby_key(self.keys, self.now) is not None, "one waits, always"
        newest = max(one.epoch for one in self.keys)
        usable = [one for one in self.keys if one.compromised_at is None]
        for one in self.keys:
            replaced_at = min(
                (other.signs_from for other in usable if other.epoch > one.epoch), default=math.inf
            )
            ended = replaced_at if one.compromised_at is None else one.compromised_at
            assert one.epoch == newest or self.now < ended + self.schedule.verify_for
        assert len([one for one in usable if one.signs_from > self.now]) <= 4, "others were replaced"

    def state(self, one: SealedKey) -> str:
        return tell_phase(self.schedule, self.keys, one, self.now).state


Histories.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=30)
TestAnyHistory = Histories.TestCase
