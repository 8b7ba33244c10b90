import pytest

from watchword.accounts import ThrottledCheck
from watchword.errors import InvalidCredentials, InvalidRequest, Overloaded, StoreUnavailable, Throttled
from watchword.events import LoginFailed, LoginThrottled

HOME = "198.51.100.7"


class Directory:
    """The application's own users: what it raises, or whether the password is "right"."""

    def __init__(self):
        self.failure = None
        self.asked = 0

    def check(self, username, password):
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return username if password == "right" else None


@pytest.fixture
def directory():
    return Directory()


@pytest.fixture
def events():
    return []


@pytest.fixture
def check(directory, throttle, events):
    return ThrottledCheck(directory.check, throttle, events.append)


@pytest.mark.parametrize("given", [None, 5, {"$ne": None}, ["alice"], b"alice"], ids=repr)
def test_what_is_no_text_reaches_neither_the_check_nor_the_throttle(check, directory, events, given):
    for username, password in ((given, "right"), ("alice", given)):
        with pytest.raises(InvalidRequest, match="must be text, not "):
            check.find(username, password, HOME)
    assert (directory.asked, events) == (0, [])


@pytest.mark.parametrize("address", [HOME, None])
@pytest.mark.parametrize(
    "failure",
    [ConnectionError("the directory does not answer"), Overloaded(), StoreUnavailable(), KeyboardInterrupt()],
    ids=repr,
)
def test_an_exception_is_no_verdict_and_propagates(check, directory, events, failure, address):
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            check.find("alice", "wrong", address)
    directory.failure = failure
    for _ in range(20):
        with pytest.raises(type(failure)) as caught:
            check.find("alice", "right", address)
        assert caught.value is failure
    assert all(isinstance(event, LoginFailed) for event in events)
    assert len(events) == 4
    directory.failure = None
    assert check.find("alice", "right", address) == "alice"


def test_a_refund_that_fails_hides_no_other_failure(check, directory, store, monkeypatch):
    def away(key):
        raise StoreUnavailable

    monkeypatch.setattr(store, "refund", away)
    directory.failure = ConnectionError("the directory does not answer")
    with pytest.raises(ConnectionError):
        check.find("alice", "right", HOME)


@pytest.mark.parametrize("failure", [None, InvalidCredentials()], ids=["None", "InvalidCredentials"])
def test_a_wrong_password_is_counted_however_it_is_told(check, directory, events, failure):
    directory.failure = failure
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            check.find("alice", "wrong", HOME)
    directory.failure = None
    with pytest.raises(Throttled) as caught:
        check.find("alice", "right", HOME)
    assert directory.asked == 5
    assert events[4:] == [
        LoginFailed(address=HOME, seconds=events[4].seconds),
        LoginThrottled(address=HOME, retry_after=caught.value.retry_after),
    ]
