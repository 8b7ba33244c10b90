import math

import pytest

from watchword.errors import KeysUnavailable
from watchword.jose.jwk import Key
from watchword.keyring import Ring, Schedule, ring
from watchword.stores.contract import SealedKey

SCHEDULE = Schedule(algorithm="EdDSA", rotation_period=100, publish_lead=10, verify_for=50)
KEYS = [Key.generate("EdDSA") for _ in range(3)]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(clock):
    """A ring whose keys sign from 0, 100 and 200 on."""
    filled = Ring(SCHEDULE, clock)
    fill(filled, 3)
    return filled


def fill(target, count):
    stored = [
        SealedKey(
            kind="public",
            epoch=number + 1,
            kid=key.kid,
            alg="EdDSA",
            sealed="",
            created_at=0.0,
            signs_from=number * 100.0,
        )
        for number, key in enumerate(KEYS[:count])
    ]
    target.replace(stored, {key.kid: key for key in KEYS[:count]})


def test_an_empty_ring_signs_nothing_and_never_changes(clock):
    empty = Ring(SCHEDULE, clock)
    with pytest.raises(KeysUnavailable):
        empty.find_signing_key()
    assert empty.find_next_change() == math.inf


def test_the_next_change_is_found_once_between_two_changes(keys, clock, monkeypatch):
    looked, find = [], ring.find_next_change
    monkeypatch.setattr(ring, "find_next_change", lambda *given: looked.append(given) or find(*given))
    for clock.now in (0, 50, 99.9):
        assert keys.find_next_change() == 100
    assert len(looked) == 1
    for clock.now in (100, 149.9):  # the second key signs, the first still verifies
        assert keys.find_next_change() == 150
    assert len(looked) == 2
    clock.now = 50  # the store's time was set back
    assert keys.find_next_change() == 100
    assert len(looked) == 3


def test_other_keys_have_another_next_change_at_once(keys, clock):
    clock.now = 120
    assert keys.find_next_change() == 150
    fill(keys, 1)
    assert keys.find_next_change() == math.inf


def test_the_keys_are_encoded_anew_with_each_version_only(keys):
    before = keys.keys.jwks_document
    assert keys.keys.jwks_document is before
    fill(keys, 3)
    assert keys.keys.jwks_document == before, "the same keys have the same body and digest on every node"
    fill(keys, 2)
    assert keys.keys.jwks_document.digest != before.digest
