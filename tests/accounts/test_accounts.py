import unicodedata

import argon2
import pytest

from watchword.accounts import Accounts, PasswordHasher
from watchword.errors import (
    AccountNotFound,
    InvalidCredentials,
    InvalidSettings,
    Overloaded,
    PasswordRejected,
    UsernameRejected,
    UsernameTaken,
)
from watchword.settings import Settings

PASSWORD = "correct horse battery staple"


def test_an_added_account_logs_in(accounts):
    added = accounts.add("Alice", PASSWORD, scopes=["read", "write"])
    assert accounts.check("Alice", PASSWORD) == added
    assert (added.username, added.name_key, added.scopes) == ("Alice", "alice", ("read", "write"))
    assert not added.disabled
    assert PASSWORD not in repr(added)
    assert PASSWORD not in added.password_hash


def test_scopes_in_one_text_are_several(accounts):
    added = accounts.add("Alice", PASSWORD, scopes="read write")
    assert added.scopes == ("read", "write")
    accounts.set_scopes(added.subject, "admin")
    assert accounts.find("alice").scopes == ("admin",)


@pytest.mark.parametrize("given", [None, 5, b"read", {"read": True}, [1], ["read write"]], ids=repr)
def test_what_is_no_scopes_is_told(accounts, given):
    with pytest.raises(InvalidSettings, match=r"^scopes must be names such as .*, not "):
        accounts.add("Alice", PASSWORD, scopes=given)


@pytest.mark.parametrize("typed", ["alice", "ALICE", "\uff21\uff4c\uff49\uff43\uff45"])
def test_a_login_may_write_the_name_in_other_letter_case(accounts, typed):
    added = accounts.add("Alice", PASSWORD)
    assert accounts.check(typed, PASSWORD).subject == added.subject


def test_subjects_are_random_and_long(accounts):
    subjects = {accounts.add(f"user {number}", PASSWORD).subject for number in range(20)}
    assert len(subjects) == 20
    assert all(len(subject) == 22 for subject in subjects)


@pytest.mark.parametrize(
    ("first", "second"), [("Alice", "aLICE"), ("straße", "STRASSE"), ("\uff22\uff4f\uff42", "bob")]
)
def test_a_name_that_differs_in_case_only_is_taken(accounts, first, second):
    accounts.add(first, PASSWORD)
    with pytest.raises(UsernameTaken):
        accounts.add(second, PASSWORD)
    assert [account.username for account in accounts.list_all()] == [unicodedata.normalize("NFKC", first)]


def test_an_account_with_an_unusable_name_is_not_added(accounts):
    with pytest.raises(UsernameRejected):
        accounts.add("ali\0ce", PASSWORD)
    assert not accounts.list_all()


# -- the policy for new passwords ----------------------------------------------------------------

REJECTED = [
    pytest.param("", id="empty"),
    pytest.param("seven c", id="too short"),
    pytest.param("x" * 1025, id="too long"),
    pytest.param("alice in chains", id="the username"),
    pytest.param("ALICE in chains", id="the username in other case"),
    pytest.param("passwor\ud800d and more", id="surrogate"),
    pytest.param("password12345678", id="common"),
]


@pytest.mark.parametrize("password", REJECTED)
def test_an_unfit_password_is_rejected_when_an_account_is_added(accounts, password):
    with pytest.raises(PasswordRejected) as caught:
        accounts.add("Alice in Chains", password)
    assert not password or password not in str(caught.value)
    assert not accounts.list_all()


@pytest.mark.parametrize("password", REJECTED)
def test_an_unfit_password_is_rejected_when_it_is_changed(accounts, password):
    subject = accounts.add("Alice in Chains", PASSWORD).subject
    with pytest.raises(PasswordRejected):
        accounts.change_password(subject, password)
    accounts.check("Alice in Chains", PASSWORD)


def test_the_policy_follows_the_settings(store, cheap, sessions):
    settings = Settings(password_min=12, password_max=64)
    hasher = PasswordHasher(settings=settings, parameters=cheap)
    accounts = Accounts(store, settings=settings, hasher=hasher, sessions=sessions)
    for password in ("11 is short", "and more than sixty-four characters are too much of a good thing!"):
        with pytest.raises(PasswordRejected):
            accounts.add("alice", password)
    accounts.add("alice", "12 is enough")


def test_everything_that_hashes_takes_a_slot_and_changes_nothing_without(store, cheap, sessions):
    settings = Settings(password_checks=1, password_queue=0)
    hasher = PasswordHasher(settings=settings, parameters=cheap)
    accounts = Accounts(store, settings=settings, hasher=hasher, sessions=sessions)
    subject = accounts.add("alice", PASSWORD).subject
    with hasher._slots.obtain().hold():
        for work in (
            lambda: accounts.add("bob", PASSWORD),
            lambda: accounts.change_password(subject, "a newer password"),
            lambda: accounts.check("alice", PASSWORD),
            lambda: accounts.check("nobody", PASSWORD),
        ):
            with pytest.raises(Overloaded):
                work()
    assert accounts.check("alice", PASSWORD)
    assert len(accounts.list_all()) == 1


def test_a_hash_that_cannot_be_renewed_now_is_renewed_later(store, accounts, hasher, monkeypatch):
    subject = accounts.add("alice", PASSWORD).subject
    old = argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    store.set_password(subject, old, version=1)

    def refuse(password):
        raise Overloaded

    with monkeypatch.context() as short_of_memory:
        short_of_memory.setattr(hasher, "hash", refuse)
        accounts.check("alice", PASSWORD)
    assert accounts.find_by_subject(subject).password_hash == old
    accounts.check("alice", PASSWORD)
    assert accounts.find_by_subject(subject).password_hash != old


# -- refusals that look alike --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "password"),
    [
        pytest.param("nobody", PASSWORD, id="unknown user"),
        pytest.param("alice", "wrong password", id="wrong password"),
        pytest.param("alice", "", id="empty password"),
        pytest.param("disabled", PASSWORD, id="disabled account, right password"),
        pytest.param("disabled", "wrong password", id="disabled account, wrong password"),
        pytest.param("", PASSWORD, id="empty username"),
        pytest.param("x" * 100_000, PASSWORD, id="long username"),
        pytest.param("ali\0ce", PASSWORD, id="NUL in the username"),
        pytest.param("alice\n", PASSWORD, id="new line in the username"),
        pytest.param("\ud800", PASSWORD, id="surrogate in the username"),
        pytest.param("alice", "x" * 2_000_000, id="2 MB password"),
        pytest.param("nobody", "x" * 2_000_000, id="unknown user, 2 MB password"),
        pytest.param("alice", "\ud800" * 9, id="surrogates in the password"),
    ],
)
def test_every_refusal_is_the_same_answer_for_the_same_work(
    accounts, cheap, verifications, username, password
):
    accounts.add("alice", PASSWORD)
    accounts.disable(accounts.add("disabled", PASSWORD).subject)
    with pytest.raises(InvalidCredentials) as caught:
        accounts.check(username, password)
    assert str(caught.value) == InvalidCredentials.description
    assert verifications == [cheap]


def test_an_account_with_an_unreadable_hash_cannot_log_in(accounts, store):
    subject = accounts.add("alice", PASSWORD).subject
    store.set_password(subject, "not a hash", version=1)
    with pytest.raises(InvalidCredentials):
        accounts.check("alice", PASSWORD)


# -- rehashing -----------------------------------------------------------------------------------


@pytest.fixture
def stronger(store, settings, cheap, sessions):
    """The same accounts under dearer parameters."""
    parameters = argon2.Parameters(
        type=cheap.type, version=19, salt_len=8, hash_len=16, time_cost=2, memory_cost=16, parallelism=1
    )
    hasher = PasswordHasher(settings=settings, parameters=parameters)
    return Accounts(store, settings=settings, hasher=hasher, sessions=sessions)


def test_a_login_rehashes_under_new_parameters_and_ends_no_session(accounts, stronger):
    before = accounts.add("alice", PASSWORD)
    stronger.check("alice", PASSWORD)
    after = accounts.find("alice")
    assert argon2.extract_parameters(after.password_hash).time_cost == 2
    assert after.credentials_version == before.credentials_version
    stronger.check("alice", PASSWORD)
    assert accounts.find("alice") == after


def test_a_refused_login_rehashes_nothing(accounts, stronger):
    before = accounts.add("alice", PASSWORD)
    with pytest.raises(InvalidCredentials):
        stronger.check("alice", "wrong password")
    accounts.disable(before.subject)
    with pytest.raises(InvalidCredentials):
        stronger.check("alice", PASSWORD)
    assert accounts.find("alice").password_hash == before.password_hash


def test_a_password_changed_during_a_rehash_stays_changed(accounts, stronger, monkeypatch):
    subject = accounts.add("alice", PASSWORD).subject
    needs_rehash = PasswordHasher.needs_rehash

    def meanwhile(self, password_hash):
        accounts.change_password(subject, "a newer password")
        return needs_rehash(self, password_hash)

    monkeypatch.setattr(PasswordHasher, "needs_rehash", meanwhile)
    stronger.check("alice", PASSWORD)
    monkeypatch.undo()
    accounts.check("alice", "a newer password")
    with pytest.raises(InvalidCredentials):
        accounts.check("alice", PASSWORD)


# -- changes -------------------------------------------------------------------------------------


def test_a_changed_password_replaces_the_old_one(accounts):
    before = accounts.add("alice", PASSWORD)
    accounts.change_password(before.subject, "a newer password")
    after = accounts.check("alice", "a newer password")
    assert after.credentials_version > before.credentials_version
    with pytest.raises(InvalidCredentials):
        accounts.check("alice", PASSWORD)


def test_a_disabled_account_logs_in_again_once_enabled(accounts):
    before = accounts.add("alice", PASSWORD)
    accounts.disable(before.subject)
    disabled = accounts.find("alice")
    assert disabled.disabled
    assert disabled.credentials_version > before.credentials_version
    accounts.enable(before.subject)
    assert accounts.check("alice", PASSWORD).subject == before.subject


def test_a_deleted_account_is_gone_and_its_name_free_for_another_subject(accounts):
    first = accounts.add("alice", PASSWORD)
    accounts.delete(first.subject)
    assert accounts.find_by_subject(first.subject) is None
    with pytest.raises(InvalidCredentials):
        accounts.check("alice", PASSWORD)
    assert accounts.add("alice", PASSWORD).subject != first.subject


def test_an_account_is_found_by_name_and_by_subject(accounts):
    added = accounts.add("Alice", PASSWORD)
    assert accounts.find("ALICE") == added
    assert accounts.find_by_subject(added.subject) == added
    assert accounts.find_by_subject("nobody") is None


@pytest.mark.parametrize("username", ["nobody", "", "ali\0ce", "\ud800", "x" * 1000])
def test_finding_nobody_says_so(accounts, username):
    with pytest.raises(AccountNotFound):
        accounts.find(username)


@pytest.mark.parametrize(
    "change",
    [
        lambda accounts: accounts.change_password("nobody", PASSWORD),
        lambda accounts: accounts.disable("nobody"),
        lambda accounts: accounts.enable("nobody"),
        lambda accounts: accounts.delete("nobody"),
    ],
    ids=["change password", "disable", "enable", "delete"],
)
def test_changing_nobody_says_so(accounts, change):
    with pytest.raises(AccountNotFound):
        change(accounts)


def test_accounts_are_listed_by_name(accounts):
    for name in ("Carol", "alice", "Bob"):
        accounts.add(name, PASSWORD)
    assert [account.username for account in accounts.list_all()] == ["alice", "Bob", "Carol"]


@pytest.mark.parametrize(
    ("old", "new", "arguments"), [("by_subject", "find_by_subject", ("s",)), ("all", "list_all", ())]
)
def test_the_names_of_before_work_and_warn(accounts, old, new, arguments):
    accounts.add("alice", PASSWORD)
    with pytest.warns(DeprecationWarning, match=rf"use Accounts\.{new}"):
        assert getattr(accounts, old)(*arguments) == getattr(accounts, new)(*arguments)
