import logging
import os
import subprocess
import sys
import textwrap
import threading

import argon2
import pytest
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.accounts import PasswordHasher
from watchword.errors import Overloaded, PasswordRejected
from watchword.settings import Settings

PASSWORD = "correct horse battery staple"


def test_a_password_verifies_against_its_own_hash_only(hasher):
    password_hash = hasher.hash(PASSWORD)
    assert hasher.verify(password_hash, PASSWORD) is True
    assert hasher.verify(password_hash, PASSWORD + "!") is False


def test_two_hashes_of_one_password_differ(hasher):
    assert hasher.hash(PASSWORD) != hasher.hash(PASSWORD)


def test_the_default_is_argon2id_in_the_low_memory_profile_of_rfc_9106(settings, verifications):
    hasher = PasswordHasher(settings=settings)
    password_hash = hasher.hash(PASSWORD)
    assert password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert hasher.verify(password_hash, PASSWORD)
    assert not hasher.verify(None, PASSWORD)
    assert verifications == [RFC_9106_LOW_MEMORY, RFC_9106_LOW_MEMORY]


def test_composed_and_decomposed_passwords_are_the_same(hasher):
    assert hasher.verify(hasher.hash("\u00e9t\u00e9 2026"), "e\u0301te\u0301 2026")


def test_letter_case_and_compatibility_forms_of_passwords_are_not_the_same(hasher):
    password_hash = hasher.hash("password 1")
    assert not hasher.verify(password_hash, "PASSWORD 1")
    assert not hasher.verify(password_hash, "password \uff11")


def test_a_nul_does_not_cut_a_password_short(hasher):
    assert not hasher.verify(hasher.hash("password\0one"), "password\0two")


@pytest.mark.parametrize(
    "password", ["x" * 1025, "x" * 2_000_000, "\ud800" * 10], ids=["1025", "2 MB", "surrogates"]
)
def test_an_unusable_password_is_not_hashed_and_never_verifies(hasher, verifications, password):
    with pytest.raises(PasswordRejected) as caught:
        hasher.hash(password)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # it would show the password
    assert hasher.verify(hasher.hash("some password"), password) is False
    assert len(verifications) == 1


def test_an_unusable_password_never_verifies_even_against_the_hash_of_nothing(hasher):
    assert hasher.verify(hasher.hash(""), "x" * 1025) is False


def test_a_missing_hash_costs_what_a_real_one_does(hasher, cheap, verifications, caplog):
    assert hasher.verify(None, PASSWORD) is False
    assert verifications == [cheap]
    assert not caplog.records  # argon2 could read it, and so did all its work


def test_no_two_hashers_have_the_same_decoy(settings, cheap):
    decoys = {PasswordHasher(settings=settings, parameters=cheap)._decoy for _ in range(3)}
    assert len(decoys) == 3


@pytest.mark.parametrize(
    "password_hash",
    [
        "x",
        "é",
        "\ud800",
        "pbkdf2:sha256:1000$salt$0123456789abcdef",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$",
        "$argon2id$v=19$m=8,t=1,p=1$!!!!$AAAAAAAA",
        "$argon2id$v=19$m=0,t=0,p=0$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_an_unreadable_hash_is_nobodys_password_and_is_logged(hasher, caplog, password_hash):
    with caplog.at_level(logging.WARNING, "watchword.accounts"):
        assert hasher.verify(password_hash, PASSWORD) is False
    assert len(caplog.records) == 1
    assert PASSWORD not in caplog.text


def test_an_unreadable_hash_needs_a_rehash(hasher):
    assert hasher.needs_rehash("pbkdf2:sha256:1000$salt$0123456789abcdef")


def test_a_hash_needs_a_rehash_once_the_parameters_change(settings, hasher):
    password_hash = hasher.hash(PASSWORD)
    assert not hasher.needs_rehash(password_hash)
    assert PasswordHasher(settings=settings).needs_rehash(password_hash)


@given(st.text(alphabet=st.characters(), max_size=80), st.text(alphabet=st.characters(), max_size=80))
@example("\ud800", "\ud800")
def test_hashing_any_text_works_or_raises_our_error(password, password_hash):
    hasher = PasswordHasher(settings=Settings(), parameters=argon2.profiles.CHEAPEST)
    hasher.verify(password_hash, password)
    hasher.needs_rehash(password_hash)
    try:
        assert hasher.verify(hasher.hash(password), password)
    except PasswordRejected:
        assert any("\ud800" <= character <= "\udfff" for character in password)


# -- slots ---------------------------------------------------------------------------------------


def test_more_checks_than_slots_are_refused_at_once(cheap):
    hasher = PasswordHasher(settings=Settings(password_checks=2), parameters=cheap)
    with hasher.slot(), hasher.slot():
        with pytest.raises(Overloaded) as caught, hasher.slot():
            pytest.fail("a third slot")
        assert caught.value.retry_after == 1
        assert caught.value.status == 503
    with hasher.slot(), hasher.slot():
        pass


def test_a_slot_is_given_back_when_its_block_fails(cheap):
    hasher = PasswordHasher(settings=Settings(password_checks=1), parameters=cheap)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), hasher.slot():
            _ = 1 / 0


def test_of_many_threads_at_once_only_as_many_as_slots_get_in(cheap):
    hasher = PasswordHasher(settings=Settings(password_checks=3), parameters=cheap)
    inside, refused = [], []
    start, decided = threading.Barrier(20), threading.Barrier(20)

    def attempt() -> None:
        start.wait()
        try:
            with hasher.slot():
                inside.append(True)
                decided.wait()
        except Overloaded:
            refused.append(True)
            decided.wait()

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), len(refused)) == (3, 17)


def run(script: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        # without coverage: a script here may leave itself too little memory for it
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_slot_taken_before_a_fork_is_free_in_the_child():
    answer = run("""
        import os
        from watchword.accounts import PasswordHasher
        from watchword.settings import Settings

        hasher = PasswordHasher(settings=Settings(password_checks=1))
        with hasher.slot():
            child = os.fork()
            if child == 0:
                with hasher.slot():
                    os._exit(7)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert answer.returncode == 7, answer.stderr


def test_no_memory_for_a_hash_is_overload():
    answer = run("""
        import resource
        from watchword.accounts import PasswordHasher
        from watchword.errors import Overloaded
        from watchword.settings import Settings

        hasher = PasswordHasher(settings=Settings())
        resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))
        try:
            hasher.hash("correct horse")
        except Overloaded:
            raise SystemExit(7)
    """)
    assert answer.returncode == 7, answer.stderr


@pytest.mark.parametrize("library", ["argon2", "limits"])
def test_without_its_extra_the_room_says_which_line_installs_it(library):
    answer = run(f"""
        import sys
        sys.modules["{library}"] = None
        from watchword.errors import MissingExtra
        try:
            import watchword.accounts
        except MissingExtra as error:
            print(error)
    """)
    assert "watchword[passwords]" in answer.stdout, answer.stderr
