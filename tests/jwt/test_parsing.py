"""Which tokens an event loop may verify by itself, and that it does not wait for the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

import pytest

from watchword import Issuer, Key, KeySet, Verifier
from watchword.errors import DecryptionFailed, InvalidToken, KeysUnavailable, MalformedToken, UnknownKey

KEY, OTHER = Key.generate("EdDSA"), Key.generate("EdDSA")
DECRYPTING = Key.generate("dir")
DAY = 86_400  # these tokens are made when the run begins
ISSUER = Issuer("i", KEY, audience="api", lifetime=DAY)
TOKEN = ISSUER.issue("user-1")


class Fetching:
    """A key source that has to fetch what it is asked for first, and notes who fetches."""

    def __init__(self, *keys: Key) -> None:
        self._published = KeySet(keys)
        self._here = KeySet([])
        self.version: object = self._here.version
        self.fetched_by: list[threading.Thread] = []

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        if not self.ready(kid, alg):
            self.fetched_by.append(threading.current_thread())
            self._here = self._published
            self.version = self._here.version
        return self._here.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:
        return bool(self._here.find(kid, alg))


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What comes of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    return pytest.fail("it suspends")


@pytest.fixture
def keys() -> Fetching:
    return Fetching(KEY)


@pytest.fixture(params=[0, 8_192], ids=["cold", "warm"])
def verifier(keys, request) -> Iterator[Verifier[dict[str, Any]]]:
    return Verifier(keys, issuer="i", audience="api", cache_size=request.param)


def test_what_has_to_be_fetched_is_fetched_by_a_thread_of_its_own(verifier, keys) -> None:
    assert asyncio.run(verifier.verify_async(TOKEN))["sub"] == "user-1"
    (fetched_by,) = keys.fetched_by
    assert fetched_by is not threading.main_thread()


def test_for_a_token_that_is_too_long_nobody_waits(verifier, keys) -> None:
    with pytest.raises(MalformedToken):
        at_once(verifier.verify_async(TOKEN + "A" * 16_384))
    assert keys.fetched_by == []


def test_the_longest_token_that_is_looked_at_is_verified_by_a_thread_too(keys) -> None:
    verifier = Verifier(keys, issuer="i", audience="api", max_token_size=len(TOKEN))
    assert asyncio.run(verifier.verify_async(TOKEN))["sub"] == "user-1"
    (fetched_by,) = keys.fetched_by
    assert fetched_by is not threading.main_thread()


def test_the_loop_goes_on_meanwhile(keys) -> None:
    others_ran = threading.Event()

    class Slow(Fetching):
        def find(self, kid: str | None, alg: str) -> Sequence[Key]:
            assert self.ready(kid, alg) or others_ran.wait(10)
            return super().find(kid, alg)

    async def both() -> dict[str, Any]:
        verifying = asyncio.ensure_future(Verifier(Slow(KEY), issuer="i", audience="api").verify_async(TOKEN))
        await asyncio.sleep(0)
        others_ran.set()
        return await verifying

    assert asyncio.run(both())["sub"] == "user-1"


def test_with_the_keys_here_it_never_suspends(verifier, keys) -> None:
    verifier.verify(TOKEN)
    for token in (TOKEN, TOKEN, ISSUER.issue("user-2")):
        assert at_once(verifier.verify_async(token))["iss"] == "i"
    assert len(keys.fetched_by) == 1


def test_a_token_that_is_remembered_under_keys_of_another_version_is_asked_for_again(verifier, keys) -> None:
    verifier.verify(TOKEN)
    keys._here = KeySet([])
    keys.version = keys._here.version
    assert asyncio.run(verifier.verify_async(TOKEN))["sub"] == "user-1"
    assert threading.main_thread() not in keys.fetched_by[1:]
    assert len(keys.fetched_by) == 2


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b", "a.b.c", "e30.e30.e30", "a.b.c.d.e", "ü.ü.ü", "x" * 2_000_000, None, 5, b"a.b.c", []],
)
def test_what_is_no_token_is_told_at_once(verifier, keys, token) -> None:
    with pytest.raises(MalformedToken):
        at_once(verifier.verify_async(token))
    assert keys.fetched_by == []


def test_errors_come_from_the_thread_as_they_are(verifier) -> None:
    with pytest.raises(UnknownKey):
        asyncio.run(verifier.verify_async(Issuer("i", OTHER, audience="api").issue("user-1")))


def test_an_extension_that_is_not_understood_is_told_at_once(keys, forge) -> None:
    token = forge({"iss": "i"}, {"alg": "EdDSA", "crit": ["x"], "x": 1})
    with pytest.raises(MalformedToken, match="critical"):
        at_once(Verifier(keys, issuer="i").verify_async(token))
    with pytest.raises(InvalidToken):
        asyncio.run(Verifier(keys, issuer="i", critical=["x"]).verify_async(token))
    assert len(keys.fetched_by) == 1


# -- encrypted tokens ----------------------------------------------------------------------------

ENCRYPTED = Issuer("i", KEY, audience="api", lifetime=DAY, encrypt_to=DECRYPTING).issue("user-1")


def test_the_header_inside_an_encrypted_token_tells_which_key_is_needed(keys) -> None:
    verifier = Verifier(keys, issuer="i", audience="api", decrypt_with=DECRYPTING, cache_size=0)
    assert asyncio.run(verifier.verify_async(ENCRYPTED))["sub"] == "user-1"
    assert at_once(verifier.verify_async(ENCRYPTED))["sub"] == "user-1"
    (fetched_by,) = keys.fetched_by
    assert fetched_by is not threading.main_thread()


def test_keys_that_decrypt_may_have_to_be_fetched_too() -> None:
    decrypting = Fetching(DECRYPTING)
    verifier = Verifier(KEY, issuer="i", audience="api", decrypt_with=decrypting)
    assert asyncio.run(verifier.verify_async(ENCRYPTED))["sub"] == "user-1"
    (fetched_by,) = decrypting.fetched_by
    assert fetched_by is not threading.main_thread()


@pytest.mark.parametrize("token", [TOKEN, "a.b.c.d.e", "", ENCRYPTED[:-4] + "AAAA"])
def test_what_cannot_be_opened_is_told_at_once(keys, token) -> None:
    verifier = Verifier(keys, issuer="i", audience="api", decrypt_with=DECRYPTING)
    with pytest.raises((MalformedToken, DecryptionFailed)):
        at_once(verifier.verify_async(token))
    assert keys.fetched_by == []


def test_keys_that_are_unavailable_when_it_is_opened_are_told_at_once() -> None:
    class Away(Fetching):
        def find(self, kid: str | None, alg: str) -> Sequence[Key]:
            raise KeysUnavailable

        def ready(self, kid: str | None, alg: str) -> bool:
            return True

    verifier = Verifier(KEY, issuer="i", audience="api", decrypt_with=Away())
    with pytest.raises(KeysUnavailable):
        at_once(verifier.verify_async(ENCRYPTED))
