from __future__ import annotations

import gc
import itertools
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from watchword.errors import (
    InvalidClaims,
    InvalidToken,
    KeysUnavailable,
    MalformedToken,
)
from watchword.jose import Key
from watchword.jwt import Claims, Issuer, Verifier
from watchword.jwt.profiles import AccessTokenClaims

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
POLICY: dict[str, Any] = {"issuer": ISSUER, "audience": "api"}
AHEAD = 8_192  # what "a few thousand tokens" means, for as few workers as there are here


@pytest.fixture
def issuer(key: Key, clock: Callable[[], float]) -> Issuer:
    return Issuer(ISSUER, key, audience="api", clock=clock)


@pytest.fixture
def verifier(key: Key, clock: Callable[[], float]) -> Verifier[dict[str, Any]]:
    return Verifier(key, **POLICY, clock=clock)


@pytest.fixture
def good(issuer: Issuer) -> str:
    return issuer.issue("user-1")


@pytest.fixture
def mixed(issuer: Issuer, key: Key, clock: Callable[[], float]) -> list[str]:
    """Tokens of which every third is good, and each of the others wrong in its way."""
    bad = itertools.cycle(
        [
            "no token",
            issuer.issue("user-1")[:-8] + "AAAAAAAA",
            issuer.issue("user-1", lifetime=60, issued_at=NOW - 900),
            Issuer(ISSUER, key, audience="other", clock=clock).issue("user-1", lifetime=60, issued_at=1),
            "\ud800" * 3,
            "a" * 20_000,
        ]
    )
    return [issuer.issue(f"user-{n}") if n % 3 == 0 else next(bad) for n in range(200)]


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """Whatever a test does: no thread stays."""
    yield
    assert [thread.name for thread in threading.enumerate() if "watchword-batch" in thread.name] == []


def shown(result: object) -> object:
    """What can be compared of a result: all that an error tells."""
    if not isinstance(result, InvalidToken):
        return result
    failures = [(type(failure), failure.claim) for failure in getattr(result, "failures", ())]
    return type(result), result.code, str(result), getattr(result, "claim", None), failures


def one_by_one(verifier: Verifier[Any], tokens: Sequence[str]) -> list[object]:
    results: list[object] = []
    for token in tokens:
        try:
            results.append(verifier.verify(token))
        except InvalidToken as error:
            results.append(shown(error))
    return results


# -- what comes out ----------------------------------------------------------------------------------


def test_a_batch_comes_to_what_its_tokens_come_to_one_by_one(verifier, mixed) -> None:
    results = verifier.verify_many(mixed)

    assert [shown(result) for result in results] == one_by_one(verifier, mixed)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 2_000])
def test_each_token_has_its_result_in_its_place(verifier, issuer, length) -> None:
    tokens = [issuer.issue(f"user-{number}") for number in range(length)]

    assert [claims["sub"] for claims in verifier.verify_many(tokens)] == [
        f"user-{number}" for number in range(length)
    ]


def test_results_are_of_the_type_that_the_verifier_returns(key, clock, good) -> None:
    verifier = Verifier(key, **POLICY, claims=Claims, clock=clock)

    assert list(verifier.verify_many([good, good])) == [verifier.verify(good)] * 2


def test_what_is_no_text_is_no_token_in_a_batch_either(verifier, good) -> None:
    results = list(verifier.verify_many([None, b"a.b.c", 7, good]))

    assert [type(result) for result in results] == [MalformedToken] * 3 + [dict]


def test_an_error_in_a_batch_holds_on_to_nothing_that_was_read(key, clock, mixed) -> None:
    verifier = Verifier(key, issuer=ISSUER, claims=AccessTokenClaims, clock=clock)
    errors = list(verifier.verify_many(mixed))

    assert {len(error.failures) for error in errors if isinstance(error, InvalidClaims)} == {2, 3}
    for error in errors:
        for each in (error, *getattr(error, "failures", ())):
            assert (each.__traceback__, each.__context__, each.__cause__) == (None, None, None)


# -- lazily ------------------------------------------------------------------------------------------


def test_nothing_is_read_and_nothing_started_before_a_result_is_asked_for(verifier) -> None:
    def tokens() -> Iterator[str]:
        raise AssertionError
        yield

    verifier.verify_many(tokens())


def test_an_endless_batch_is_read_a_few_thousand_tokens_ahead(verifier, good) -> None:
    read = 0

    def tokens() -> Iterator[str]:
        nonlocal read
        while read < 50_000:  # endless, were it not for a test that fails
            read += 1
            yield good

    results = verifier.verify_many(tokens())

    for number, _ in enumerate(itertools.islice(results, 10_000)):
        assert read - number <= AHEAD
    results.close()


def test_first_results_do_not_wait_for_many_tokens(verifier, good) -> None:
    read = itertools.count()
    results = verifier.verify_many(good for _ in read)

    next(results)

    assert next(read) < 500
    results.close()


# -- what is not about a token -----------------------------------------------------------------------


def test_an_error_of_the_iterable_comes_after_the_results_before_it(verifier, good) -> None:
    def tokens() -> Iterator[str]:
        yield from [good] * 100
        raise OSError("the disk is gone")

    results = verifier.verify_many(tokens())

    assert len(list(itertools.islice(results, 100))) == 100
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_keys_that_cannot_be_had_are_no_tokens_fault(good, clock) -> None:
    class Gone:
        version = 1

        def find(self, kid: str | None, alg: str) -> Sequence[Key]:
            raise KeysUnavailable

        def ready(self, kid: str | None, alg: str) -> bool:
            return False

    results = Verifier(Gone(), **POLICY, clock=clock).verify_many([good])

    with pytest.raises(KeysUnavailable):
        next(results)


def test_a_mistake_in_the_applications_rule_is_raised(key, clock, good) -> None:
    verifier = Verifier(key, **POLICY, rule=operator.setitem, clock=clock)  # takes three, and not these

    with pytest.raises(TypeError, match="unhashable"):
        list(verifier.verify_many([good] * 50))


def test_a_batch_that_is_given_up_ends_its_threads(verifier, good) -> None:
    results = verifier.verify_many(itertools.repeat(good, 50_000))
    next(results)

    assert any("watchword-batch" in thread.name for thread in threading.enumerate())
    del results  # and the fixture looks at what is left


def test_a_batch_lost_in_a_reference_cycle_ends_as_well(verifier, good) -> None:
    cycle: list[Any] = [verifier.verify_many([good] * 100)]
    cycle.append(cycle)
    assert len(list(itertools.islice(cycle[0], 99))) == 99
    del cycle
    gc.collect()


# -- processes, which are not there any more -----------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 4, 0, "2"])
def test_processes_are_ignored_with_a_warning_that_names_the_callers_line(verifier, good, processes) -> None:
    with pytest.warns(
        DeprecationWarning, match=r"^verify_many\(processes=\) is deprecated and ignored"
    ) as seen:
        results = verifier.verify_many([good, "no token"], processes=processes)
    assert seen[0].filename == __file__
    assert [type(result) for result in results] == [dict, MalformedToken]
