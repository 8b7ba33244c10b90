import re
import time
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.accounts import Accounts, PasswordHasher
from watchword.accounts.password_policy import PasswordPolicy
from watchword.errors import PasswordRejected
from watchword.settings import Settings

SETTINGS = Settings(
    issuer="https://login.fishmonger.example", audience="https://api.fishmonger.example:8443/v1"
)
ALICE = "Alice.Cooper@harbour.test"


PHONE = "+49 170 1234 5678 90123"


def find_reason(password, username=ALICE, settings=SETTINGS):
    try:
        PasswordPolicy(settings).check(password, username)
    except PasswordRejected as error:
        return error.reason if str(password) not in str(error) else "told"
    return None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("fourteen chars", "too_short"),
        ("e\u0301" * 14, "too_short"),  # counted when composed
        ("x" * 1025, "too_long"),
        ("passwor\ud800d and more", "not_text"),
        (123456789012345, "not_text"),
        ({"length": "at least fifteen"}, "not_text"),
        ("x" * 15, "repeated"),
        (" " * 15, "repeated"),
        ("\u4e2d" * 15, "repeated"),
        ("fun" * 6, "repeated"),
        ("abcdefgABCDEFGa", "repeated"),
        ("password12345678", "common"),
        ("PasswordPassword", "common"),
        ("Password-2026!!!", "common"),
        ("...dragon...dragon", "common"),
        ("password1password2", "common"),
        ("\uff50assword12345678", "common"),
        ("P@ssw0rdP@ssw0rd", "common"),
        ("monkey1234567890", "common"),
        ("trustno1qwertyuiop", "common"),
        ("1q2w3e4r5t6y7u8i", "sequence"),
        ("welcome20240131!", "common"),
        ("123456789012345", "sequence"),
        ("abcdefghijklmno", "sequence"),
        ("poiuytrewqlkjhgfdsa", "sequence"),
        ("987654321!987654321", "sequence"),
        ("zxcvbnmlkjhgfdsa99", "sequence"),
        ("alice.cooper@harbour.test", "username"),
        ("ALICE.COOPER@HARBOUR.TEST", "username"),
        ("cooper-alice-1972", "username"),
        ("alice123456789012", "username"),
        ("alicefishmonger1", "username"),
        ("fishmonger-2026", "service"),
        ("https://login.fishmonger.example", None),
        ("login.fishmonger.example", "service"),
        ("api-fishmonger-password", "common"),
    ],
)
def test_a_password_is_rejected_for_a_reason(password, reason):
    assert find_reason(password) == reason


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "dragon and monkey",  # a passphrase may be of common words
        "liberty-property",  # in which rows of the keyboard hide
        "493817204958371",  # digits alone are no sin
        "493831415926580",  # nor is a common number in them
        "love4938172049583719",
        "alice likes fish",
        "pässwörter sind lang",
        "\u4e2d\u6587\u5bc6\u7801\u4e5f\u53ef\u4ee5\u5f88\u957f\u800c\u4e14\u5bb9\u6613\u8bb0\u4f4f",
        "Vq8#mT2!xZ0&kL5",
        "        spaces count too        ",
        "e\u0301" * 3 + " accents count once",
    ],
)
def test_no_rule_says_which_characters_a_password_has(password):
    assert find_reason(password) is None


@given(st.text(alphabet="abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=20, max_size=20))
def test_what_a_password_manager_makes_up_is_taken_unless_it_repeats(password):
    assert find_reason(password) in {None, "repeated"} or len(set(password.casefold())) < 15


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("1234567", "too_short"),
        ("12345678", "sequence"),
        ("11223344", "sequence"),
        ("19841984", "repeated"),
        ("31415926", "common"),
        ("baseball", "common"),
        ("letmein!", "common"),
        ("47120493", None),
        ("horse-52", "common"),
        ("Vq8#mT2!", None),
    ],
)
def test_eight_characters_are_enough_if_the_settings_say_so(password, reason):
    assert find_reason(password, settings=Settings(password_min=8)) == reason


@pytest.mark.parametrize("issuer", ["https://[", "my service", "x", "https://x.y", "urn:fishmonger"])
def test_an_issuer_may_be_any_text(issuer):
    assert find_reason("correct horse battery", settings=Settings(issuer=issuer)) is None


@pytest.mark.parametrize("password", [PHONE, f"{PHONE}!", f"{PHONE}-{PHONE}-1"])
def test_a_username_of_digits_is_no_password(password):
    assert find_reason(password, PHONE) == "username"


@pytest.mark.parametrize("username", ["a", "李", "1", "..", "a" * 254, "x y"])
def test_a_username_may_be_any_name(username):
    assert find_reason("correct horse battery", username) is None


def test_the_most_that_there_is_to_compare_takes_no_time():
    began = time.process_time()
    settings = Settings(password_max=4096)
    name = "ab" * 127
    for password in ("dragon1" * 585, "a" * 4094 + "b1", ("abcdefgh" * 512)[:-1] + "z", "\ufdfa" * 4096):
        find_reason(password, name, settings)
    assert time.process_time() - began < 4


# -- known from breaches -------------------------------------------------------------------------


@pytest.fixture
def asked():
    return []


@pytest.fixture
def careful(store, settings, cheap, sessions, asked):
    """Accounts that ask whether a password is known from a breach."""

    def breached(password):
        asked.append(password)
        if password == "the service is away":
            raise ConnectionError("the service of breaches does not answer")
        return password == "été in a breach list"

    hasher = PasswordHasher(settings=settings, parameters=cheap)
    return Accounts(store, settings=settings, hasher=hasher, sessions=sessions, breached=breached)


def test_a_new_password_that_is_known_from_a_breach_is_rejected(careful, asked):
    subject = careful.add("alice", "correct horse battery").subject
    for change in (
        lambda password: careful.change_password(subject, password),
        lambda p: careful.add("bob", p),
    ):
        with pytest.raises(PasswordRejected) as caught:
            change("e\u0301te\u0301 in a breach list")
        assert caught.value.reason == "breached"
    assert len(careful.list_all()) == 1
    assert set(asked) == {"correct horse battery", "été in a breach list"}


def test_a_breach_check_that_fails_propagates_and_nothing_is_stored(careful):
    subject = careful.add("alice", "correct horse battery").subject
    with pytest.raises(ConnectionError):
        careful.add("bob", "the service is away")
    with pytest.raises(ConnectionError):
        careful.change_password(subject, "the service is away")
    assert len(careful.list_all()) == 1
    assert careful.check("alice", "correct horse battery")


def test_breaches_are_asked_about_for_new_passwords_that_fit_all_other_rules(careful, asked):
    careful.add("alice", "correct horse battery")
    del asked[:]
    careful.check("alice", "correct horse battery")
    for password in ("short", "password12345678"):
        with pytest.raises(PasswordRejected):
            careful.add("bob", password)
    assert not asked


# -- the list ------------------------------------------------------------------------------------


def test_the_list_is_small_lower_case_and_of_known_origin():
    folder = resources.files("watchword.accounts")
    lines = folder.joinpath("common_passwords.txt").read_text("utf-8").splitlines()
    assert len(lines) == len(set(lines)) == 10_000
    assert all(4 <= len(line) <= 20 and line == line.casefold().strip() for line in lines)
    assert all(len(line) >= 8 or re.search(r"[^\W\d_]", line) for line in lines)
    licence = folder.joinpath("common_passwords.LICENSE").read_text("utf-8")
    assert "github.com/dropbox/zxcvbn" in licence
    assert "Permission is hereby granted, free of charge" in licence
