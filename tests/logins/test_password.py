"""The password login, over the application's own users and over real accounts. It starts no session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import argon2
import pytest

from watchword.accounts import Accounts, LoginThrottle, PasswordHasher
from watchword.errors import (
    InvalidCredentials,
    InvalidRequest,
    InvalidSettings,
    Overloaded,
    StoreUnavailable,
    Throttled,
)
from watchword.events import Event, LoginFailed, LoginThrottled
from watchword.logins import LoginProof, Subject
from watchword.logins.password import PasswordLogin
from watchword.settings import Settings
from watchword.stores import Stores, open_sql_stores

HOME = "198.51.100.7"
PASSWORD = "correct horse battery"


class Directory:
    """The application's own users.

    Attributes:
        failure: raised by a check, if there is one.
        answer: made of the username by a check of the right password.
        asked: how many checks there were.
    """

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.answer: Callable[[str], Any] = Subject
        self.asked = 0

    def check(self, username: str, password: str) -> Any:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.answer(username) if password == PASSWORD else None


@pytest.fixture
def stores() -> Iterator[Stores]:
    opened = open_sql_stores("sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def throttle(stores: Stores) -> LoginThrottle:
    return LoginThrottle(stores.throttles, key=b"k" * 32, settings=Settings())


@pytest.fixture
def login(
    directory: Directory, throttle: LoginThrottle, stores: Stores, events: list[Event]
) -> PasswordLogin:
    return PasswordLogin(directory.check, throttle, read_mark=stores.sessions.read_mark, notify=events.append)


@pytest.mark.parametrize(
    "subject",
    [Subject("7"), Subject("7", "alice", ("read",)), Subject("7", claims={"tenant": "red"})],
    ids=["id", "scopes", "claims"],
)
def test_the_proof_has_the_applications_subject_the_method_and_no_account(login, directory, subject):
    directory.answer = lambda _: subject
    proof = login.prove("alice", PASSWORD, HOME)
    assert (proof.subject, proof.account, proof.amr) == (subject, None, ("pwd",))


def test_the_proof_of_an_account_has_its_version(throttle, stores, events):
    settings = Settings()
    hasher = PasswordHasher(settings=settings, parameters=argon2.profiles.CHEAPEST)
    accounts = Accounts(
        stores.accounts, settings=settings, hasher=hasher, sessions=None, notify=events.append
    )
    account = accounts.add("Alice", PASSWORD, ("read",))
    login = PasswordLogin(accounts.check, throttle, read_mark=stores.sessions.read_mark, notify=events.append)
    proof = login.prove("alice", PASSWORD, HOME)
    assert proof.subject == Subject(account.subject, "Alice", ("read",), account.credentials_version)
    assert proof.account == account


def test_the_mark_is_read_before_the_password_is_checked(throttle, directory, events):
    order = []
    directory.answer = lambda username: order.append("check") or Subject(username)
    login = PasswordLogin(
        directory.check, throttle, read_mark=lambda: order.append("mark") or "m", notify=events.append
    )
    assert login.prove("alice", PASSWORD, HOME).mark == "m"
    assert order == ["mark", "check"]


@pytest.mark.parametrize("given", [None, 5, {"$ne": None}, ["alice"], b"alice"], ids=repr)
def test_what_is_no_text_reaches_neither_the_check_nor_the_throttle(login, directory, events, given):
    for username, password in ((given, PASSWORD), ("alice", given)):
        with pytest.raises(InvalidRequest, match="must be text, not "):
            login.prove(username, password, HOME)
    assert (directory.asked, events) == (0, [])


@pytest.mark.parametrize("address", [HOME, None])
@pytest.mark.parametrize(
    "failure",
    [ConnectionError("the directory does not answer"), Overloaded(), StoreUnavailable(), KeyboardInterrupt()],
    ids=repr,
)
def test_an_exception_is_no_verdict_and_propagates(login, directory, events, failure, address):
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            login.prove("alice", "wrong", address)
    directory.failure = failure
    for _ in range(20):
        with pytest.raises(type(failure)) as caught:
            login.prove("alice", PASSWORD, address)
        assert caught.value is failure
    assert all(isinstance(event, LoginFailed) for event in events)
    assert len(events) == 4
    directory.failure = None
    assert login.prove("alice", PASSWORD, address).subject.id == "alice"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (True, "must return a Subject or None, not True"),
        ("7", "must return a Subject or None, not str"),
        (("7", "alice"), "must return a Subject or None, not tuple"),
    ],
)
def test_an_unusable_answer_of_the_check_is_no_verdict(login, directory, events, answer, said):
    directory.answer = lambda _: answer
    for _ in range(12):
        with pytest.raises(InvalidSettings, match=said):
            login.prove("alice", PASSWORD, HOME)
    assert events == []


def test_a_mark_that_cannot_be_read_is_no_verdict(throttle, directory, events):
    def read_mark() -> str:
        raise StoreUnavailable

    login = PasswordLogin(directory.check, throttle, read_mark=read_mark, notify=events.append)
    for _ in range(12):
        with pytest.raises(StoreUnavailable):
            login.prove("alice", PASSWORD, HOME)
    assert (directory.asked, events) == (0, [])


def test_a_refund_that_fails_hides_no_other_failure(login, directory, throttle, monkeypatch):
    def refund(attempt: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(throttle, "refund", refund)
    directory.failure = ConnectionError("the directory does not answer")
    with pytest.raises(ConnectionError):
        login.prove("alice", PASSWORD, HOME)


@pytest.mark.parametrize(
    ("failure", "logged"),
    [(ConnectionError("away"), 1), (Overloaded(), 0), (InvalidCredentials(), 0), (KeyboardInterrupt(), 0)],
    ids=repr,
)
def test_only_a_failure_of_the_application_is_logged(login, directory, caplog, failure, logged):
    directory.failure = failure
    with caplog.at_level(logging.INFO, "watchword.auth"), pytest.raises(type(failure)):
        login.prove("alice", PASSWORD, HOME)
    assert len([record for record in caplog.records if record.name == "watchword.auth"]) == logged
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("failure", [None, InvalidCredentials()], ids=["None", "InvalidCredentials"])
def test_a_wrong_password_is_counted_however_it_is_told(login, directory, events, failure):
    directory.failure = failure
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            login.prove("alice", "wrong", HOME)
    directory.failure = None
    with pytest.raises(Throttled) as caught:
        login.prove("alice", PASSWORD, HOME)
    assert directory.asked == 5
    assert events[4:] == [
        LoginFailed(address=HOME, seconds=events[4].seconds),
        LoginThrottled(address=HOME, retry_after=caught.value.retry_after),
    ]


def test_a_subject_is_hashable_whatever_its_claims_are():
    assert len({Subject("7", claims={"tenant": "red"}), Subject("7", claims={"tenant": "red"})}) == 1
    assert len({Subject("7"), Subject("7", "alice"), LoginProof}) == 3
