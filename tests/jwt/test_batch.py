from __future__ import annotations

import gc
import inspect
import itertools
import multiprocessing
import operator
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from watchword.errors import (
    ExpiredToken,
    InvalidClaims,
    InvalidKey,
    InvalidSettings,
    InvalidToken,
    KeysUnavailable,
    MalformedToken,
    Unavailable,
)
from watchword.jose import Key, KeySet
from watchword.jwt import Claims, Issuer, Verifier
from watchword.jwt.profiles import AccessTokenClaims

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
POLICY: dict[str, Any] = {"issuer": ISSUER, "audience": "api"}
AHEAD = 8_192  # what "a few thousand tokens" means, for as few workers as there are here

by_threads_and_processes = pytest.mark.parametrize("processes", [None, 1, 2], ids="processes={}".format)


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
    """Whatever a test does: no thread and no process stays."""
    yield
    assert multiprocessing.active_children() == []
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


@by_threads_and_processes
def test_a_batch_comes_to_what_its_tokens_come_to_one_by_one(verifier, mixed, processes) -> None:
    results = verifier.verify_many(mixed, processes=processes)

    assert [shown(result) for result in results] == one_by_one(verifier, mixed)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 2_000])
def test_each_token_has_its_result_in_its_place(verifier, issuer, length) -> None:
    tokens = [issuer.issue(f"user-{number}") for number in range(length)]

    assert [claims["sub"] for claims in verifier.verify_many(tokens)] == [
        f"user-{number}" for number in range(length)
    ]


@by_threads_and_processes
def test_results_are_of_the_type_that_the_verifier_returns(key, clock, good, processes) -> None:
    verifier = Verifier(key, **POLICY, claims=Claims, clock=clock)

    assert list(verifier.verify_many([good, good], processes=processes)) == [verifier.verify(good)] * 2


@by_threads_and_processes
def test_what_is_no_text_is_no_token_in_a_batch_either(verifier, good, processes) -> None:
    results = list(verifier.verify_many([None, b"a.b.c", 7, good], processes=processes))

    assert [type(result) for result in results] == [MalformedToken] * 3 + [dict]


@by_threads_and_processes
def test_an_error_in_a_batch_holds_on_to_nothing_that_was_read(key, clock, mixed, processes) -> None:
    verifier = Verifier(key, issuer=ISSUER, claims=AccessTokenClaims, clock=clock)
    errors = list(verifier.verify_many(mixed, processes=processes))

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
    verifier.verify_many(tokens(), processes=2)


@by_threads_and_processes
def test_an_endless_batch_is_read_a_few_thousand_tokens_ahead(verifier, good, processes) -> None:
    read = 0

    def tokens() -> Iterator[str]:
        nonlocal read
        while read < 50_000:  # endless, were it not for a test that fails
            read += 1
            yield good

    results = verifier.verify_many(tokens(), processes=processes)

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


@by_threads_and_processes
def test_an_error_of_the_iterable_comes_after_the_results_before_it(verifier, good, processes) -> None:
    def tokens() -> Iterator[str]:
        yield from [good] * 100
        raise OSError("the disk is gone")

    results = verifier.verify_many(tokens(), processes=processes)

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


@by_threads_and_processes
def test_a_mistake_in_the_applications_rule_is_raised(key, clock, good, processes) -> None:
    verifier = Verifier(key, **POLICY, rule=operator.setitem, clock=clock)  # takes three, and not these

    with pytest.raises(TypeError, match="unhashable"):
        list(verifier.verify_many([good] * 50, processes=processes))


@by_threads_and_processes
def test_a_batch_that_is_given_up_ends_its_threads_and_processes(verifier, good, processes) -> None:
    results = verifier.verify_many(itertools.repeat(good, 50_000), processes=processes)
    next(results)

    assert bool(multiprocessing.active_children()) is (processes is not None)
    del results  # and the fixture looks at what is left


@by_threads_and_processes
def test_a_batch_lost_in_a_reference_cycle_ends_as_well(verifier, good, processes) -> None:
    """The collector finalizes a cycle's objects in an order of its own: no pipe may be closed twice."""
    cycle: list[Any] = [verifier.verify_many([good] * 100, processes=processes)]
    cycle.append(cycle)
    assert len(list(itertools.islice(cycle[0], 99))) == 99
    del cycle
    gc.collect()


def test_a_process_that_is_killed_is_an_error_and_no_wait(verifier, good) -> None:
    results = verifier.verify_many(itertools.repeat(good, 50_000), processes=2)
    next(results)
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    with pytest.raises(Unavailable, match="ended before its time"):
        for _ in results:
            pass


def test_a_terminal_interrupts_the_program_and_not_its_processes(verifier, good) -> None:
    results = verifier.verify_many(itertools.repeat(good, 5_000), processes=2)
    next(results)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGINT)

    assert len(list(results)) == 4_999


# -- what processes are given ------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [0, -1, True, 1.0, "2"])
def test_processes_are_counted(verifier, processes) -> None:
    with pytest.raises(InvalidSettings, match="processes"):
        verifier.verify_many([], processes=processes)


@pytest.mark.parametrize("alone", [True, False], ids=["key", "set"])
@pytest.mark.parametrize("alg", ["HS256", "RS256", "PS384", "ES512", "EdDSA", "Ed448"])
def test_processes_get_the_keys(alg, alone) -> None:
    key, other = Key.generate(alg), Key.generate(alg)
    verifier = Verifier(key if alone else KeySet([key.public() if alg != "HS256" else key]), **POLICY)
    tokens = [Issuer(ISSUER, by, audience="api").issue("user-1") for by in (key, other)]

    assert [shown(result) for result in verifier.verify_many(tokens, processes=1)] == one_by_one(
        verifier, tokens
    )


def test_a_key_that_may_only_sign_verifies_in_no_process(key) -> None:
    jwk = {**Key.generate("ES256").to_jwk(private=True), "key_ops": ["sign"]}
    signing = Key.from_jwk(jwk)
    verifier = Verifier(KeySet([signing]), **POLICY)
    tokens = [Issuer(ISSUER, signing, audience="api").issue("user-1")]

    assert [shown(result) for result in verifier.verify_many(tokens, processes=1)] == one_by_one(
        verifier, tokens
    )


def test_processes_decrypt_what_the_verifier_decrypts(key, clock) -> None:
    outer = Key.generate("A256KW")
    token = Issuer(ISSUER, key, audience="api", encrypt_to=outer, clock=clock).issue("user-1")
    verifier = Verifier(key, **POLICY, decrypt_with=KeySet([outer]), clock=clock)

    assert [claims["sub"] for claims in verifier.verify_many([token], processes=1)] == ["user-1"]


def test_processes_are_given_all_that_the_verifier_was_but_its_clock(verifier) -> None:
    arguments = inspect.signature(Verifier).parameters

    assert verifier._given.keys() == arguments.keys() - {"clock"}
    assert {name for name, value in verifier._given.items() if value != arguments[name].default} == {
        "keys",
        "issuer",
        "audience",
    }


def test_the_verifiers_clock_holds_in_its_processes(verifier, issuer, clock) -> None:
    tokens = [issuer.issue("user-1", lifetime=60)] * 3_000
    results = verifier.verify_many(tokens, processes=1)

    assert type(next(results)) is dict  # by the system's clock it expired years ago
    clock.now += 90
    assert type(list(results)[-1]) is ExpiredToken


def test_a_key_is_pickled_for_nobody_else(key) -> None:
    verifier = Verifier(key, **POLICY)
    list(verifier.verify_many([], processes=1))

    for holder in (key, KeySet([key]), verifier._given):
        with pytest.raises(InvalidKey):
            pickle.dumps(holder)


def _local_claims() -> type[Claims]:
    class Local(Claims):
        pass

    return Local


class _Locked:
    """A source with something in it that cannot be taken elsewhere."""

    def __init__(self, key: Key) -> None:
        self.version, self.lock, self.key = 1, threading.Lock(), key

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        return [self.key]

    def ready(self, kid: str | None, alg: str) -> bool:
        return True


@pytest.mark.parametrize(
    "arguments",
    [
        {"claims": _local_claims()},
        {"rule": lambda claims, header, now: []},
        {"keys": _Locked(Key.generate("HS256"))},
    ],
    ids=["claims", "rule", "keys"],
)
def test_what_cannot_be_handed_over_is_said_before_anything_starts(key, good, arguments) -> None:
    verifier = Verifier(**{"keys": key, **POLICY, **arguments})

    with pytest.raises(InvalidSettings, match="cannot be handed over"):
        verifier.verify_many([good], processes=1)


# -- programs ----------------------------------------------------------------------------------------

PROGRAM = """
from dataclasses import dataclass

from watchword import Claims, Issuer, Key, Verifier
from watchword.errors import MissingClaim, WatchwordError


class Scoped(Claims, frozen=True):
    scope: str


@dataclass
class Subject:
    sub: str


def readers_only(claims, header, now):
    return [] if claims.get("scope") == "read" else [MissingClaim(claim="scope")]


def main():
    key = Key.from_secret("s" * 32, "HS256")
    issuer = Issuer("i", key)
    tokens = [issuer.issue("user-1", {"scope": scope}) for scope in ("read", "write")]
    for claims in (Scoped, Subject):
        verifier = Verifier(key, issuer="i", claims=claims, rule=readers_only)
        try:
            good, bad = verifier.verify_many(tokens, processes=2)
        except WatchwordError as error:
            print(f"{error.code}: {error}")
        else:
            print(type(good) is claims, good.sub, bad.code, bad.claim)


"""


def said(program: str, directory: Path, *, name: str | None = None) -> subprocess.CompletedProcess[str]:
    """What a program says, from a file of that name or as ``python -c``."""
    arguments = ["-c", program]
    if name is not None:
        (directory / name).write_text(program)
        arguments = [name]
    return subprocess.run(
        [sys.executable, *arguments], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_programs_own_classes_and_rule_are_found_in_its_processes(tmp_path: Path) -> None:
    done = said(PROGRAM + 'if __name__ == "__main__":\n    main()\n', tmp_path, name="program.py")

    assert done.stdout == "True user-1 missing_claim scope\n" * 2
    assert done.stderr == ""


def test_a_program_that_would_start_itself_again_is_told_so(tmp_path: Path) -> None:
    done = said(PROGRAM + "main()\n", tmp_path, name="program.py")

    assert done.stdout.startswith("invalid_settings: a process of the batch ended while it started")
    assert '`if __name__ == "__main__":`' in done.stdout


def test_a_program_whose_classes_cannot_be_imported_is_told_so(tmp_path: Path) -> None:
    done = said(PROGRAM + "main()\n", tmp_path)

    assert done.stdout.startswith("invalid_settings: the verifier cannot be handed over")
