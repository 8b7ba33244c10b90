"""What a login costs: at most four operations of the stores besides the start of its session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from redis_servers import RedisServer

from watchword import Auth, Client, Settings, Subject
from watchword.errors import InvalidCredentials, Throttled
from watchword.stores.contract import Stores
from watchword.stores.opening import open_stores

PASSWORD = "correct horse battery"
HOME = Client(ip_address="192.0.2.1")
PORTS = ("sessions", "keys", "accounts", "throttles", "one_time")

CHECK = ["throttles.admit", "sessions.read_mark", "accounts.find_account"]
SUCCESS = [*CHECK, "throttles.record_success", "sessions.start_session"]
FAILURE = [*CHECK, "throttles.hit"]


class CountedPort:
    """A port of a real store that notes each operation."""

    def __init__(self, port: Any, name: str, operations: list[str]) -> None:
        self._port = port
        self._name = name
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def operate(*args: Any, **kwargs: Any) -> Any:
            if name != "poll":  # The background thread polls, whether or not there is a login.
                self._operations.append(f"{self._name}.{name}")
            return found(*args, **kwargs)

        return operate


@pytest.fixture
def operations() -> list[str]:
    return []


@pytest.fixture
def transactions() -> list[str]:
    """The transactions of the SQL database."""
    return []


Open = Callable[..., Auth]


@pytest.fixture(params=["sqlite", "sqlite and redis"])
def open_auth(
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    operations: list[str],
    transactions: list[str],
) -> Iterator[Open]:
    """Opens an Auth over counted ports whose feed is fresh."""
    sessions_url = redis_server.url if request.param == "sqlite and redis" else ""
    settings = Settings(
        database_url="sqlite://", sessions_url=sessions_url, secret=("s" * 32,), revocation_interval=29
    )
    opened: list[Auth] = []

    def open_counted(**arguments: Any) -> Auth:
        stores = open_stores(settings)
        _count_transactions(stores, transactions)
        counted = {name: CountedPort(getattr(stores, name), name, operations) for name in PORTS}
        opened.append(Auth(stores=msgspec.structs.replace(stores, **counted), settings=settings, **arguments))
        opened[-1].check()
        return opened[-1]

    yield open_counted
    for auth in opened:
        auth.close()


def _count_transactions(stores: Stores, transactions: list[str]) -> None:
    database = stores.backends[-1]  # The backend of the accounts.
    for kind in ("read", "write"):
        run = getattr(database, kind)

        def counted(*args: Any, run: Any = run, kind: str = kind, **kwargs: Any) -> Any:
            transactions.append(kind)
            return run(*args, **kwargs)

        setattr(database, kind, counted)


def test_a_login_costs_four_operations_and_the_start_of_its_session(open_auth, operations, transactions):
    auth = open_auth()
    auth.accounts.add("alice", PASSWORD)
    for _ in ("at a new place", "from a known device"):
        operations.clear(), transactions.clear()
        auth.login("alice", PASSWORD, HOME)
        assert operations == SUCCESS
        if not auth.settings.sessions_url:
            assert len(transactions) == len(SUCCESS), "each operation is a single transaction"


@pytest.mark.parametrize(("username", "client"), [("alice", HOME), ("nobody", HOME), ("alice", None)])
def test_a_failed_login_costs_four_operations(open_auth, operations, username, client):
    auth = open_auth()
    auth.accounts.add("alice", PASSWORD)
    operations.clear()
    with pytest.raises(InvalidCredentials):
        auth.login(username, "wrong", client)
    assert operations == (FAILURE if client else CHECK)


def test_a_throttled_login_costs_a_single_operation(open_auth, operations):
    auth = open_auth(check_password=lambda *_: None)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            auth.login("alice", "wrong", HOME)
    operations.clear()
    with pytest.raises(Throttled):
        auth.login("alice", "wrong", HOME)
    assert operations == ["throttles.admit"]


def test_a_login_of_the_applications_own_users_reads_no_account(open_auth, operations):
    auth = open_auth(check_password=lambda username, _: Subject(username))
    operations.clear()
    auth.login("alice", PASSWORD, HOME)
    assert operations == [operation for operation in SUCCESS if operation != "accounts.find_account"]


def test_a_check_that_fails_takes_its_charge_back_with_a_single_operation(open_auth, operations):
    def check_password(username: str, password: str) -> Subject | None:
        raise ConnectionError

    auth = open_auth(check_password=check_password)
    operations.clear()
    with pytest.raises(ConnectionError):
        auth.login("alice", PASSWORD, HOME)
    assert operations == ["throttles.admit", "sessions.read_mark", "throttles.refund"]


def test_a_session_of_a_subject_that_was_proven_elsewhere_costs_two_reads_and_its_start(
    open_auth, operations
):
    auth = open_auth()
    operations.clear()
    auth.start("7", amr=["hwk"])
    assert operations == ["sessions.read_mark", "accounts.find_account", "sessions.start_session"]
