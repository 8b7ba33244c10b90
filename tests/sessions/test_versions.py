"""Sessions of the application's own users, whose credentials have a version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from watchword import Auth, Settings, Subject
from watchword.errors import InvalidCredentials, InvalidGrant, InvalidSettings, Unissuable
from watchword.sessions import VersionedClaims


class Directory:
    """Users of an application: the right password is the version itself."""

    def __init__(self) -> None:
        self.version: Any = 1
        self.during_check = lambda: None

    def check_password(self, username: str, password: str) -> Subject | None:
        found = Subject("7", username, version=self.version) if password == str(self.version) else None
        self.during_check()
        return found

    def subject_claims(self, subject: str) -> VersionedClaims | Mapping[str, Any] | None:
        return VersionedClaims({"tenant": "acme"}, self.version)


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def auth(directory: Directory) -> Iterator[Auth]:
    settings = Settings(refresh_window=1, revocation_interval=29)
    opened = Auth(
        "sqlite://",
        settings=settings,
        check_password=directory.check_password,
        subject_claims=directory.subject_claims,
    )
    yield opened
    opened.close()


def test_claims_with_a_version_are_in_the_token_and_the_version_is_not(auth):
    claims = auth.authenticate(auth.login("alice", "1").access_token).claims
    assert (claims["tenant"], claims.keys() & {"version"}) == ("acme", set())


def test_a_session_goes_on_while_the_version_stays(auth):
    tokens = auth.login("alice", "1")
    for _ in range(3):
        auth.stores.sessions.time_shift += 5
        tokens = auth.refresh(tokens.refresh_token)


def test_another_version_refuses_the_refresh_and_ends_the_session_although_nothing_ended_it(auth, directory):
    tokens = auth.login("alice", "1")
    directory.version = 2
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    assert auth.sessions("7") == []


def test_a_login_that_began_before_the_version_changed_gives_no_session(auth, directory):
    directory.during_check = lambda: setattr(directory, "version", 2)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", "1")
    assert auth.sessions("7") == []


def test_a_session_that_began_elsewhere_is_bound_to_the_version_of_its_start(auth, directory):
    tokens = auth.start("7")
    directory.version = 2
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)


def test_a_session_from_before_the_versions_is_bound_at_its_next_refresh(auth, directory, monkeypatch):
    tokens = auth.start("7")
    session = auth.sessions("7")[0]
    with auth.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("UPDATE watchword_sessions SET credentials_version = NULL")
    tokens = auth.refresh(tokens.refresh_token)
    directory.version, auth.stores.sessions.time_shift = 2, 60
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    assert session.credentials_version == 1


def test_sessions_go_on_past_a_version_that_is_replaced_and_no_older_session_does(auth, directory):
    older = auth.login("alice", "1")
    directory.version = 2
    tokens = auth.login("alice", "2")
    directory.version = 3
    auth.replace_version("7", 2, 3)
    assert auth.refresh(tokens.refresh_token)
    with pytest.raises(InvalidGrant):
        auth.refresh(older.refresh_token)


def test_claims_without_a_version_are_refused_where_the_login_had_a_version(auth, directory, monkeypatch):
    tokens = auth.login("alice", "1")
    monkeypatch.setattr(auth._sessions._grants, "_subject_claims", lambda _: {})
    with pytest.raises(Unissuable, match="must return VersionedClaims"):
        auth.refresh(tokens.refresh_token)
    assert auth.sessions("7") != []


@pytest.mark.parametrize("version", [-1, 2**31, "1", 1.5, True])
def test_a_version_that_no_store_can_keep_is_refused(auth, directory, version):
    directory.version = version
    with pytest.raises(Unissuable, match="version must be an int from 0 to 2147483647"):
        auth.start("7")
    with pytest.raises(InvalidSettings, match="version must be an int from 0 to 2147483647"):
        auth.login("alice", str(version))
