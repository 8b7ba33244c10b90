import logging

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


def test_every_hash_takes_a_slot(cheap):
    settings = Settings(password_checks=1, password_queue=0)
    hasher = PasswordHasher(settings=settings, parameters=cheap)
    password_hash = hasher.hash(PASSWORD)
    with hasher._slots.obtain().hold():
        for work in (
            lambda: hasher.hash(PASSWORD),
            lambda: hasher.verify(password_hash, PASSWORD),
            lambda: hasher.verify(None, PASSWORD),
            lambda: hasher.verify(password_hash, "x" * 2_000),
        ):
            with pytest.raises(Overloaded):
                work()
    assert hasher.verify(password_hash, PASSWORD)


def test_a_slot_taken_before_a_fork_is_free_in_the_child(run_script):
    answer = run_script("""
        import os
        from watchword.accounts import PasswordHasher
        from watchword.settings import Settings

        hasher = PasswordHasher(settings=Settings(password_checks=1, password_queue=0))
        with hasher._slots.obtain().hold():
            child = os.fork()
            if child == 0:
                hasher.hash("correct horse")
                os._exit(7)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert answer.returncode == 7, answer.stderr


@pytest.mark.parametrize("memory_cost", [65_536, 32], ids=["no memory", "no threads"])
@pytest.mark.parametrize(
    "work",
    ['hasher.hash("correct horse")', 'hasher.verify(known, "correct horse")', 'hasher.verify(None, "x")'],
)
def test_no_room_for_a_hash_is_overload_and_no_verdict(run_script, work, memory_cost):
    answer = run_script(f"""
        import resource
        import argon2
        from watchword.accounts import PasswordHasher
        from watchword.errors import Overloaded
        from watchword.settings import Settings

        parameters = argon2.Parameters(argon2.Type.ID, 19, 16, 32, 1, {memory_cost}, 4)
        hasher = PasswordHasher(settings=Settings(), parameters=parameters)
        known = hasher._decoy  # threads of a hash before would leave their stacks behind
        resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))
        try:
            {work}
        except Overloaded:
            raise SystemExit(7)
    """)
    assert answer.returncode == 7, answer.stderr


def test_without_its_extra_the_room_says_which_line_installs_it(run_script):
    answer = run_script("""
        import sys
        sys.modules["argon2"] = None
        from watchword.errors import MissingExtra
        try:
            import watchword.accounts
        except MissingExtra as error:
            print(error)
    """)
    assert "watchword[sql,passwords]" in answer.stdout, answer.stderr
