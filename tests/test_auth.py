from __future__ import annotations

import gc
import json
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from argon2.profiles import CHEAPEST
from redis_servers import RedisServer
from sqlalchemy import NullPool, create_engine, text

from watchword import (
    Auth,
    Client,
    Issuer,
    Key,
    KeySet,
    Settings,
    Subject,
    Tokens,
    Verifier,
    inspect_unverified,
)
from watchword.accounts import Accounts, PasswordHasher
from watchword.errors import (
    AccountNotFound,
    ExpiredToken,
    InvalidCredentials,
    InvalidGrant,
    InvalidScope,
    InvalidSettings,
    InvalidToken,
    MissingToken,
    Overloaded,
    PasswordRejected,
    SessionEnded,
    StoreUnavailable,
    Throttled,
    Unissuable,
    UnknownKey,
    WrongType,
)
from watchword.events import (
    Event,
    KeyCreated,
    LoginFailed,
    LoginThrottled,
    SessionTerminated,
    SettingsDiffer,
)
from watchword.keyring.sealing import seal
from watchword.sessions.login_arguments import LARGEST_CLAIMS
from watchword.stores.contract import Feed

PASSWORD, OTHER_PASSWORD = "correct horse battery", "staple in the stable"
SETTINGS = Settings(issuer="https://issuer.example", audience="api", client_id="web", revocation_interval=29)
HOME = Client(ip_address="192.0.2.1", user_agent="firefox")

Make = Callable[..., Auth]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes front desks: real ones, but for argon2 at its cheapest and a poll that comes when it is told."""
    made = []

    def making(database_url: str = "sqlite://", **changes: Any) -> Auth:
        auth = Auth(database_url, **{"settings": SETTINGS} | changes)
        auth._hasher = PasswordHasher(settings=auth.settings, parameters=CHEAPEST)
        auth.accounts = Accounts(
            auth.stores.accounts,
            settings=auth.settings,
            hasher=auth._hasher,
            sessions=auth._sessions,
            notify=auth._notify,
        )
        made.append(auth)
        return auth

    yield making
    for auth in made:
        auth.close()


@pytest.fixture
def auth(make: Make) -> Auth:
    return make()


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'app.db'}"


@pytest.fixture
def redis_settings(redis_server: RedisServer) -> Settings:
    return msgspec.structs.replace(SETTINGS, sessions_url=redis_server.url, secret=("s" * 32,))


def own_users(username: str, password: str) -> Subject | None:
    return Subject("7", username, ("read",)) if password == PASSWORD else None


def poll(auth: Auth) -> None:
    """What the thread does once an interval."""
    auth._revocations.poll()


def wait(auth: Auth, seconds: float) -> None:
    """Let the store's time go on; the next poll brings it."""
    auth.stores.sessions.time_shift += seconds
    poll(auth)


def refuses(auth: Auth, tokens: Tokens) -> bool:
    """Whether both tokens of a pair are refused."""
    with pytest.raises(SessionEnded):
        auth.authenticate(tokens.access_token)
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    return True


def refuses_to_refresh(auth: Auth, tokens: Tokens) -> bool:
    """Whether the refresh token of a pair is refused."""
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    return True


# -- the main path -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["memory", "file", "redis"])
def test_login_authenticate_refresh_logout(make, url, where, redis_settings):
    auth = make(
        "sqlite://" if where == "memory" else url, settings=redis_settings if where == "redis" else SETTINGS
    )
    account = auth.accounts.add("Alice", PASSWORD, ("read", "write"))
    tokens = auth.login("alice", PASSWORD, HOME)
    identity = auth.authenticate(tokens.access_token)
    assert (identity.subject, identity.username, identity.scopes) == (
        account.subject,
        "Alice",
        ("read", "write"),
    )
    assert identity.session_id == tokens.session_id
    assert (tokens.subject, tokens.expires_in, tokens.refresh_expires_in) == (
        account.subject,
        600,
        14 * 86_400,
    )

    renewed = auth.refresh(tokens.refresh_token, HOME)
    assert auth.authenticate(renewed.access_token).session_id == tokens.session_id
    (session,) = auth.sessions(account.subject)
    assert (session.id, session.ip_address, session.user_agent) == (tokens.session_id, "192.0.2.1", "firefox")

    auth.logout(renewed.access_token)
    assert refuses(auth, renewed)
    assert refuses(auth, tokens)
    assert auth.sessions(account.subject) == []


def test_an_access_token_has_the_claims_of_rfc_9068(auth):
    tokens = auth.start("7", ("read", "write"), HOME, username="Alice")
    claims = Verifier(
        KeySet.from_jwks(auth.jwks()), issuer="https://issuer.example", audience="api", typ="at+jwt"
    ).verify(tokens.access_token)
    assert claims.keys() == {
        "iss", "sub", "aud", "iat", "exp", "jti",
        "client_id", "sid", "scope", "auth_time", "preferred_username",
    }  # fmt: skip
    assert (claims["sub"], claims["client_id"], claims["scope"]) == ("7", "web", "read write")
    assert claims["exp"] - claims["iat"] == tokens.expires_in
    assert claims["auth_time"] == claims["iat"]


def test_a_subject_is_called_by_its_id_where_it_has_no_name(auth):
    assert auth.authenticate(auth.start("7").access_token).username == "7"


def test_an_argument_comes_before_the_setting_of_its_name(make):
    auth = make(issuer="https://other.example", audience="other")
    assert (auth.settings.issuer, auth.settings.audience, auth.settings.client_id) == (
        "https://other.example",
        "other",
        "web",
    )
    assert auth.authenticate(auth.start("7").access_token).claims["iss"] == "https://other.example"


def test_access_and_refresh_tokens_never_stand_in_for_each_other(make):
    for keys in (None, Key.generate("HS256")):
        auth = make(keys=keys)
        tokens = auth.start("7")
        with pytest.raises(InvalidGrant):
            auth.refresh(tokens.access_token)
        with pytest.raises(InvalidToken):
            auth.authenticate(tokens.refresh_token)
        with pytest.raises(InvalidToken):
            auth.logout(tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            auth.logout(refresh_token=tokens.access_token)
        assert len(auth.sessions("7")) == 1


def test_their_types_alone_keep_them_apart_too(auth):
    """Each is forged here with the other one's key: what the type's check is for."""
    ring = auth.keyring.internal
    settings = auth.settings
    claims = {"sid": auth.start("7").session_id, "gen": 1}
    as_access = Issuer(settings.issuer, auth.keyring.public, audience=settings.audience, typ="rt+jwt")
    with pytest.raises(WrongType):
        auth.authenticate(as_access.issue("7", claims, lifetime=60))
    as_refresh = Issuer(settings.issuer, ring, audience=settings.issuer, typ="at+jwt")
    with pytest.raises(InvalidGrant):
        auth.refresh(as_refresh.issue("7", claims, lifetime=60))


@pytest.mark.parametrize("token", ["", "a.b.c", "é", "x" * 100_000, "\0", "a.b.c.d.e", "\ud800", None, 5])
def test_garbage_is_refused_with_an_error_of_ours(auth, token):
    with pytest.raises(InvalidToken):
        auth.authenticate(token)
    with pytest.raises(InvalidGrant):
        auth.refresh(token)
    with pytest.raises(InvalidToken):
        auth.logout(token)


# -- logging out ---------------------------------------------------------------------------------


def test_logout_needs_a_token(auth):
    with pytest.raises(MissingToken):
        auth.logout()


def test_logging_out_twice_is_no_error_and_one_event(make):
    events: list[Event] = []
    auth = make(listeners=[events.append])
    tokens = auth.start("7")
    for _ in range(2):
        auth.logout(tokens.access_token)
        auth.logout(refresh_token=tokens.refresh_token)
    ends = [event for event in events if isinstance(event, SessionTerminated)]
    assert [(end.session, end.reason) for end in ends] == [(tokens.session_id, "logout")]


def test_an_expired_access_token_logs_out_together_with_its_refresh_token(auth):
    tokens = auth.start("7")
    wait(auth, 3600)
    with pytest.raises(ExpiredToken):
        auth.logout(tokens.access_token)
    auth.logout(tokens.access_token, tokens.refresh_token)
    assert auth.sessions("7") == []


def test_a_bad_refresh_token_does_not_keep_a_good_access_token_from_logging_out(auth):
    tokens = auth.start("7")
    auth.logout(tokens.access_token, "nonsense")
    assert refuses(auth, tokens)


def test_two_tokens_of_two_sessions_end_both(auth):
    first, second = auth.start("7"), auth.start("7")
    auth.logout(first.access_token, second.refresh_token)
    assert refuses(auth, first)
    assert refuses(auth, second)


def test_of_two_bad_tokens_the_first_failure_is_told(auth):
    with pytest.raises(InvalidToken):
        auth.logout("nonsense", "nonsense")
    with pytest.raises(InvalidGrant):
        auth.logout(None, "nonsense")


def test_ending_all_sessions_spares_the_one_to_keep_and_other_subjects(auth):
    kept, *ended = (auth.start("7") for _ in range(3))
    stranger = auth.start("8")
    auth.end_all("7", keep=kept.session_id)
    assert all(refuses(auth, tokens) for tokens in ended)
    assert auth.authenticate(kept.access_token).subject == "7"
    assert auth.authenticate(stranger.access_token).subject == "8"


def test_ending_one_session_leaves_the_others(auth):
    first, second = auth.start("7"), auth.start("7")
    auth.end(first.session_id)
    auth.end("no such session")
    assert refuses(auth, first)
    assert [session.id for session in auth.sessions("7")] == [second.session_id]


def test_another_process_learns_of_a_logout_by_one_poll(make, url):
    here, there = make(url), make(url)
    tokens = here.start("7")
    assert there.authenticate(tokens.access_token).subject == "7"
    here.logout(tokens.access_token)
    poll(there)
    assert refuses(there, tokens)


def test_an_auth_that_nobody_holds_ends_its_thread_and_closes_its_file(url: str, tmp_path: Path) -> None:
    auth = Auth(url, settings=SETTINGS)
    auth.authenticate(auth.start("7").access_token)
    thread, log = auth._revocations._thread._runs.obtain().thread, tmp_path / "app.db-wal"
    assert thread is not None
    assert log.exists()
    del auth
    gc.collect()
    thread.join(20)  # of the 29 s that it would rest
    assert not thread.is_alive()
    assert not log.exists()


def test_the_thread_brings_another_process_s_logout_by_itself(make, url):
    here, there = make(url), make(url, settings=msgspec.structs.replace(SETTINGS, revocation_interval=0.05))
    tokens, polled = here.start("7"), threading.Event()
    there.authenticate(tokens.access_token)
    merge = there._revocations._merge

    def noticed(feed: Feed) -> None:
        merge(feed)
        if feed.ends:
            polled.set()

    there._revocations._merge = noticed
    here.logout(tokens.access_token)
    assert polled.wait(5)
    assert refuses(there, tokens)


def test_a_logout_elsewhere_that_is_repeated_here_holds_here_at_once(make, url):
    here, there = make(url), make(url)
    tokens = here.start("7")
    there.authenticate(tokens.access_token)
    here.logout(tokens.access_token)
    there.logout(tokens.access_token)
    assert refuses(there, tokens)


# -- accounts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", OTHER_PASSWORD), ("bob", PASSWORD), ("\0", PASSWORD), ("", ""), ("\ud800", PASSWORD),
     ("alice", "\ud800"), ("alice", "x" * 5000)],
)  # fmt: skip
def test_a_login_that_does_not_fit_is_refused_and_starts_nothing(make, username, password):
    events: list[Event] = []
    auth = make(listeners=[events.append])
    account = auth.accounts.add("alice", PASSWORD)
    with pytest.raises(InvalidCredentials):
        auth.login(username, password, HOME)
    assert auth.sessions(account.subject) == []
    assert msgspec.structs.replace(events[-1], seconds=None) == LoginFailed(address="192.0.2.1")


def test_a_disabled_account_does_not_log_in_until_it_is_enabled(auth):
    account = auth.accounts.add("alice", PASSWORD)
    auth.disable_account(account.subject)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", PASSWORD)
    auth.accounts.enable(account.subject)
    assert auth.login("alice", PASSWORD).subject == account.subject


CHANGES: dict[str, tuple[Callable[[Auth, str], None], str]] = {
    "password": (lambda auth, subject: auth.change_password(subject, OTHER_PASSWORD), "password_changed"),
    "disabling": (lambda auth, subject: auth.disable_account(subject), "account_disabled"),
    "deletion": (lambda auth, subject: auth.delete_account(subject), "account_deleted"),
    "password in the accounts": (
        lambda auth, subject: auth.accounts.change_password(subject, OTHER_PASSWORD),
        "password_changed",
    ),
    "disabling in the accounts": (lambda auth, subject: auth.accounts.disable(subject), "account_disabled"),
    "deletion in the accounts": (lambda auth, subject: auth.accounts.delete(subject), "account_deleted"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_account_ends_its_sessions(make, change, reason):
    events: list[Event] = []
    auth = make(listeners=[events.append])
    account = auth.accounts.add("alice", PASSWORD)
    before = [auth.login("alice", PASSWORD) for _ in range(2)]
    change(auth, account.subject)
    assert all(refuses(auth, tokens) for tokens in before)
    ends = [event.reason for event in events if isinstance(event, SessionTerminated)]
    assert ends == [reason, reason]


@pytest.mark.parametrize(("change", "_reason"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_account_wins_over_a_login_that_began_before(make, change, _reason):
    """The change happens after the password was found good and before the session starts."""
    events: list[Event] = []
    auth = make(listeners=[events.append])
    subject = auth.accounts.add("alice", PASSWORD).subject
    check = auth.accounts.check

    def checked_too_early(username, password):
        account = check(username, password)
        change(auth, subject)
        return account

    auth.accounts.check = checked_too_early
    with pytest.raises(InvalidCredentials):
        auth.login("alice", PASSWORD)
    assert auth.sessions(subject) == []
    assert isinstance(events[-1], LoginFailed)
    assert events[-1].subject == subject


@pytest.mark.parametrize(("change", "reason"), [*CHANGES.values()][:3], ids=[*CHANGES][:3])
def test_a_change_whose_ends_failed_holds_at_the_refresh_and_can_be_repeated(make, change, reason):
    events: list[Event] = []
    auth = make(listeners=[events.append])
    subject = auth.accounts.add("alice", PASSWORD).subject
    refreshed, left = auth.login("alice", PASSWORD), auth.login("alice", PASSWORD)
    end_sessions = auth.stores.sessions.end_sessions

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable

    auth.stores.sessions.end_sessions = away
    with pytest.raises(StoreUnavailable):
        change(auth, subject)
    auth.stores.sessions.end_sessions = end_sessions
    assert refuses_to_refresh(auth, refreshed)
    told = "account_changed" if reason == "password_changed" else "account_disabled"
    assert [event.reason for event in events if isinstance(event, SessionTerminated)] == [told]
    assert auth.authenticate(left.access_token).subject == subject
    assert auth.accounts.find("alice").disabled == (reason != "password_changed")
    change(auth, subject)
    assert refuses(auth, left)
    assert [event.reason for event in events if isinstance(event, SessionTerminated)] == [told, reason]
    assert events[-1].name == ("account_deleted" if reason == "account_deleted" else "session_ended")


def test_deleting_what_is_gone_says_so_once_nothing_is_left_to_end(auth):
    subject = auth.accounts.add("alice", PASSWORD).subject
    tokens = auth.login("alice", PASSWORD)
    auth.stores.accounts.delete_account(subject)
    auth.delete_account(subject)
    assert refuses(auth, tokens)
    with pytest.raises(AccountNotFound):
        auth.delete_account(subject)


@pytest.mark.parametrize("where", ["file", "redis"])
def test_an_account_is_granted_at_each_refresh_what_it_has_then(make, url, where, redis_settings):
    auth = make(url, settings=redis_settings if where == "redis" else SETTINGS)
    subject = auth.accounts.add("alice", PASSWORD, ("read", "admin")).subject
    tokens = auth.login("alice", PASSWORD)
    narrow = auth.start(subject, ("read", "never-had"), username="ignored")
    assert (tokens.scopes, narrow.scopes) == (("read", "admin"), ("read",))
    auth.accounts.set_scopes(subject, ("write", "read"))
    auth.accounts.rename(subject, "Alice B.")
    assert auth.authenticate(tokens.access_token).scopes == ("read", "admin"), "until the next refresh"
    identity = auth.authenticate(auth.refresh(tokens.refresh_token).access_token)
    assert (identity.scopes, identity.username) == (("write", "read"), "Alice B.")
    narrow = auth.refresh(narrow.refresh_token)
    identity = auth.authenticate(narrow.access_token)
    assert (identity.scopes, identity.username) == (("read",), "Alice B."), "no more than was asked for"
    assert {session.username for session in auth.sessions(subject)} == {"Alice B."}
    auth.accounts.set_scopes(subject, ())
    wait(auth, 31)
    assert auth.refresh(narrow.refresh_token).scopes == ()


@pytest.mark.parametrize("where", ["file", "redis"])
def test_an_access_token_has_the_scopes_that_its_refresh_asks_for(make, url, where, redis_settings):
    auth = make(url, settings=redis_settings if where == "redis" else SETTINGS)
    subject = auth.accounts.add("alice", PASSWORD, ("read", "write")).subject
    tokens = auth.login("alice", PASSWORD)
    with pytest.raises(InvalidScope):
        auth.refresh(tokens.refresh_token, scopes=["read", "admin"])
    with pytest.raises(InvalidSettings, match="scopes must be names"):
        auth.refresh(tokens.refresh_token, scopes=['"'])
    narrow = auth.refresh(tokens.refresh_token, scopes="write")  # The refusals have not used the token up.
    assert auth.authenticate(narrow.access_token).scopes == ("write",)
    replayed = auth.refresh(tokens.refresh_token, scopes=[])
    assert auth.authenticate(replayed.access_token).scopes == ()
    auth.accounts.set_scopes(subject, ("read",))
    with pytest.raises(InvalidScope):
        auth.refresh(narrow.refresh_token, scopes=["write"])  # An account has lost the scope since.
    assert auth.refresh(narrow.refresh_token).scopes == ("read",)


def test_a_disabled_account_gets_no_session_by_any_way(auth):
    subject = auth.accounts.add("alice", PASSWORD).subject
    auth.accounts.disable(subject)
    with pytest.raises(InvalidCredentials):
        auth.start(subject)
    assert auth.sessions(subject) == []


def test_an_end_of_all_sessions_wins_over_an_own_users_login_that_began_before(make):
    auth: Auth

    def check(username: str, password: str) -> Subject:
        auth.end_all("7")  # the password was found good, and is changed in this moment
        return Subject("7", username)

    auth = make(check_password=check)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", PASSWORD)
    assert auth.sessions("7") == []
    assert auth.start("7").subject == "7"


def test_of_logins_and_a_password_change_at_once_no_session_of_the_old_password_is_left(make, url):
    auth, elsewhere = make(url, settings=msgspec.structs.replace(SETTINGS, login_failures=1_000)), make(url)
    subject = auth.accounts.add("alice", PASSWORD).subject
    began = threading.Barrier(4)

    def log_in() -> Tokens | None:
        began.wait(10)
        with suppress(InvalidCredentials, Overloaded):
            return auth.login("alice", PASSWORD)
        return None

    with ThreadPoolExecutor(4) as pool:
        logins = [pool.submit(log_in) for _ in range(3)]
        began.wait(10)
        elsewhere.change_password(subject, OTHER_PASSWORD)
        pairs = [login.result() for login in logins]
    assert auth.sessions(subject) == []
    assert all(refuses_to_refresh(auth, pair) for pair in pairs if pair is not None)


@pytest.mark.parametrize("how", ["logout", "logout_all", "end"])
def test_a_logout_of_a_session_that_the_store_has_lost_holds_in_every_process(make, url, how):
    here, there = make(url), make(url)
    tokens = here.start("7")
    assert there.authenticate(tokens.access_token).subject == "7"
    with here.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("DELETE FROM watchword_sessions")
    getattr(here, how)(tokens.session_id if how == "end" else tokens.access_token)
    poll(there)
    assert refuses(here, tokens)
    assert refuses(there, tokens)
    wait(there, 625)
    with pytest.raises(SessionEnded):  # for the leeway, too
        there.authenticate(tokens.access_token)


def test_a_logout_outlasts_the_tokens_of_nodes_with_a_longer_access_lifetime(make, url):
    here = make(url, settings=msgspec.structs.replace(SETTINGS, access_lifetime=60))
    poll(here)
    poll(make(url, settings=msgspec.structs.replace(SETTINGS, access_lifetime=600)))  # the last to start
    poll(here)
    tokens = here.start("7")
    wait(here, 500)
    with here.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("DELETE FROM watchword_sessions")
    here.logout(tokens.access_token)
    [end] = here.stores.sessions.poll(None, None, grace=0).ends
    assert end.access_until >= here.now() + 590, "another node may have issued a token just now"


@pytest.mark.parametrize(
    "session_id", ["", "unknown", f"{'x' * 21} 0", f"{'x' * 22}0\n", "x" * 5_000, "\0", "\ud800"]
)
def test_the_end_of_what_can_be_no_session_is_recorded_nowhere(auth, session_id):
    auth.end(session_id)
    assert auth.stores.sessions.poll(None, None, grace=0).ends == ()


def test_a_subject_with_a_surrogate_is_a_mistake_and_no_look_up(auth):
    for call in (auth.start, auth.sessions, auth.end_all):
        with pytest.raises(InvalidSettings, match="subject must be Unicode text"):
            call("\ud800")


@pytest.mark.parametrize("change", ["change_password", "disable_account", "delete_account"])
def test_changing_an_account_that_is_not_there_says_so(auth, change):
    arguments = ("nobody", PASSWORD) if change == "change_password" else ("nobody",)
    with pytest.raises(AccountNotFound):
        getattr(auth, change)(*arguments)


def test_a_password_that_is_refused_ends_nothing(auth):
    account = auth.accounts.add("alice", PASSWORD)
    tokens = auth.login("alice", PASSWORD)
    with pytest.raises(PasswordRejected):
        auth.change_password(account.subject, "short")
    assert auth.authenticate(tokens.access_token).subject == account.subject


def test_a_password_change_may_keep_the_session_that_asked_for_it(auth):
    account = auth.accounts.add("alice", PASSWORD)
    kept, ended = (auth.login("alice", PASSWORD) for _ in range(2))
    auth.change_password(account.subject, OTHER_PASSWORD, keep=kept.session_id)
    assert auth.authenticate(kept.access_token).subject == account.subject
    assert refuses(auth, ended)
    for password in (PASSWORD, OTHER_PASSWORD):
        kept = auth.refresh(kept.refresh_token)
        auth.accounts.change_password(account.subject, password, keep=kept.session_id)
    wait(auth, 31)
    kept = auth.refresh(kept.refresh_token)
    auth.change_password(account.subject, PASSWORD)
    assert refuses(auth, kept)


def test_a_kept_session_refreshes_at_any_moment_of_the_password_change(make):
    auth: Auth = make()
    subject = auth.accounts.add("alice", PASSWORD).subject
    kept = [auth.login("alice", PASSWORD)]

    def refresh_between(operation: Callable[..., Any]) -> Callable[..., Any]:
        def operate(*args: Any, **kwargs: Any) -> Any:
            result = operation(*args, **kwargs)
            auth.stores.sessions.time_shift += 31
            kept.append(auth.refresh(kept[-1].refresh_token))
            return result

        return operate

    for port, name in (
        (auth.stores.sessions, "keep_session"),
        (auth.stores.accounts, "set_password"),
        (auth.stores.sessions, "end_sessions"),
    ):
        setattr(port, name, refresh_between(getattr(port, name)))
    auth.change_password(subject, OTHER_PASSWORD, keep=kept[0].session_id)
    assert len(kept) == 4
    poll(auth)
    assert auth.authenticate(kept[-1].access_token).subject == subject


def test_of_two_password_changes_at_once_both_are_done_one_after_the_other(auth):
    subject = auth.accounts.add("alice", PASSWORD).subject
    kept = auth.login("alice", PASSWORD)
    set_password = auth.stores.accounts.set_password

    def be_overtaken(*args: Any, **kwargs: Any) -> bool:
        auth.stores.accounts.set_password = set_password
        auth.change_password(subject, "another one meanwhile", keep=kept.session_id)
        return set_password(*args, **kwargs)

    auth.stores.accounts.set_password = be_overtaken
    auth.change_password(subject, OTHER_PASSWORD, keep=kept.session_id)
    assert auth.refresh(kept.refresh_token).subject == subject
    assert auth.login("alice", OTHER_PASSWORD).subject == subject


def test_sessions_and_refresh_tokens_from_before_they_were_bound_go_on_and_are_bound_then(
    make, url, tmp_path
):
    dump = Path("tests/stores/sql/databases/version-3.sql").read_text("utf-8")
    with closing(sqlite3.connect(tmp_path / "app.db")) as database:
        database.executescript(dump)
    token = dump.partition("\n")[0].rpartition(" ")[2]
    secret = "correct horse battery staple, thirty-two"
    settings, elsewhere = (
        Settings(secret=(secret,), issuer="watchword", audience=a) for a in ("watchword", "b")
    )
    auth, other = make(url, settings=settings), make(url, settings=elsewhere)
    account = auth.accounts.find("alice")
    for desk in (auth, other):
        wait(desk, account.created_at + 60 - desk.stores.now())
    tokens = auth.refresh(token)
    [session] = auth.sessions(account.subject)
    assert (session.audience, session.client_id) == ("watchword", "watchword")
    assert (session.credentials_version, tokens.scopes) == (account.credentials_version, ("read",))
    for bound in (token, tokens.refresh_token):
        with pytest.raises(InvalidGrant):
            other.refresh(bound)
    wait(auth, 31)
    tokens = auth.refresh(tokens.refresh_token)
    auth.stores.accounts.set_password(account.subject, "another hash", version=account.credentials_version)
    assert refuses_to_refresh(auth, tokens)


# -- throttles -----------------------------------------------------------------------------------


def test_failures_are_throttled_with_an_event_and_nothing_is_checked(make):
    events, checked = [], []

    def check(username, password):
        checked.append(username)
        return own_users(username, password)

    auth = make(check_password=check, listeners=[events.append])
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            auth.login("alice", "wrong", HOME)
    with pytest.raises(Throttled) as caught:
        auth.login("alice", PASSWORD, HOME)
    assert len(checked) == 5
    assert events[-1] == LoginThrottled(address="192.0.2.1", retry_after=caught.value.retry_after)
    assert 0 < caught.value.retry_after <= 60
    auth.stores.sessions.time_shift += 61
    assert auth.login("alice", PASSWORD, HOME).subject == "7"


def test_failures_from_one_address_are_throttled_whatever_names_they_try(make):
    settings = msgspec.structs.replace(SETTINGS, address_failures=3)
    auth = make(check_password=own_users, settings=settings)
    for name in ("alice", "bob", "carol"):
        with pytest.raises(InvalidCredentials):
            auth.login(name, "wrong", HOME)
    with pytest.raises(Throttled):
        auth.login("dave", PASSWORD, HOME)
    assert auth.login("dave", PASSWORD, Client(ip_address="198.51.100.7")).subject == "7"


def test_fifty_good_logins_one_after_another_are_never_throttled(make):
    auth = make(check_password=own_users)
    assert len({auth.login("alice", PASSWORD, HOME).session_id for _ in range(50)}) == 50


def test_logins_that_find_no_slot_are_turned_away_and_cost_nothing(make):
    settings = msgspec.structs.replace(SETTINGS, password_checks=1, password_queue=0)
    auth = make(settings=settings)
    auth.accounts.add("alice", PASSWORD)
    with auth._hasher._slots.obtain().hold():
        for _ in range(10):
            with pytest.raises(Overloaded) as caught:
                auth.login("alice", PASSWORD, HOME)
    assert caught.value.retry_after >= 1
    assert auth.login("alice", PASSWORD, HOME)


def test_a_throttled_login_is_refused_before_it_takes_a_slot(make):
    settings = msgspec.structs.replace(SETTINGS, password_checks=1, password_queue=0)
    auth = make(settings=settings)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            auth.login("alice", "wrong", HOME)
    with auth._hasher._slots.obtain().hold(), pytest.raises(Throttled):
        auth.login("alice", "wrong", HOME)


def test_checks_of_the_applications_own_users_are_not_bound_to_the_slots_for_hashes(make):
    together = threading.Barrier(8)

    def slow(username, password):
        together.wait(10)
        return own_users(username, password)

    settings = msgspec.structs.replace(SETTINGS, password_checks=1, password_queue=0)
    auth = make(check_password=slow, settings=settings)
    with ThreadPoolExecutor(8) as pool:
        logins = [pool.submit(auth.login, f"user {number}", PASSWORD) for number in range(8)]
    assert all(login.result().subject == "7" for login in logins)


def test_an_owner_gets_in_at_a_new_place_while_one_address_guesses_every_second(make):
    auth = make()
    auth.accounts.add("alice", PASSWORD)
    for _ in range(100):
        with pytest.raises((InvalidCredentials, Throttled)):
            auth.login("alice", "guess", HOME)
        auth.stores.sessions.time_shift += 1
    assert auth.login("alice", PASSWORD, Client(ip_address="198.51.100.7"))


def test_a_password_can_be_checked_without_a_session(make):
    events = []
    auth = make(listeners=[events.append])
    account = auth.accounts.add("alice", PASSWORD, ["read"])
    events.clear()
    assert auth.check_password("Alice", PASSWORD, HOME) == Subject(account.subject, "alice", ("read",), 1)
    assert not events
    assert not auth.sessions(account.subject)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            auth.check_password("alice", "wrong", HOME)
    assert [type(event) for event in events] == [LoginFailed] * 5
    with pytest.raises(Throttled):
        auth.check_password("alice", PASSWORD, HOME)
    with pytest.raises(Throttled):
        auth.login("alice", PASSWORD, HOME)


def test_a_check_of_the_applications_own_users_finds_their_subject(make):
    auth = make(check_password=own_users)
    assert auth.check_password("alice", PASSWORD) == Subject("7", "alice", ("read",))
    with pytest.raises(InvalidCredentials):
        auth.check_password("alice", "wrong")


# -- own users, own claims, own keys -------------------------------------------------------------


def test_own_users_log_in_through_check_password(make):
    auth = make(check_password=own_users)
    identity = auth.authenticate(auth.login("Alice", PASSWORD).access_token)
    assert (identity.subject, identity.username, identity.scopes) == ("7", "Alice", ("read",))
    with pytest.raises(InvalidCredentials):
        auth.login("Alice", "wrong")


@pytest.mark.parametrize("found", [False, True, "7"])
def test_a_check_password_that_returns_no_subject_is_a_mistake_and_no_right_password(make, found):
    events: list[Event] = []
    auth = make(check_password=lambda *_: found, listeners=[events.append])
    for _ in range(12):  # neither counted nor taken for a success
        with pytest.raises(InvalidSettings, match="check_password must return a Subject or None, not "):
            auth.login("alice", PASSWORD, HOME)
    assert not [event for event in events if event.name.startswith("login")]


def test_subject_claims_stand_in_the_token_and_are_asked_for_at_every_refresh(make):
    tenants = {"7": "red"}
    auth = make(subject_claims=lambda subject: {"tenant": tenants[subject], "roles": ["admin"]})
    tokens = auth.start("7")
    assert auth.authenticate(tokens.access_token).claims["tenant"] == "red"
    tenants["7"] = "blue"
    claims = auth.authenticate(auth.refresh(tokens.refresh_token).access_token).claims
    assert (claims["tenant"], claims["roles"]) == ("blue", ["admin"])


@pytest.mark.parametrize("name", ["sub", "exp", "iss", "aud", "sid", "auth_time", "client_id", "amr"])
def test_subject_claims_never_override_ours(make, name):
    auth = make(subject_claims=lambda subject: {name: "x"})
    with pytest.raises(Unissuable):
        auth.start("7")


def test_a_subject_that_subject_claims_refuses_neither_logs_in_nor_goes_on(make):
    known = {"7"}
    auth = make(subject_claims=lambda subject: {} if subject in known else None)
    with pytest.raises(InvalidCredentials):
        auth.start("8")
    tokens = auth.start("7")
    known.clear()
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    assert refuses(auth, tokens)


@pytest.mark.parametrize(("alg", "published"), [("HS256", 0), ("ES256", 1)])
def test_a_fixed_key_signs_access_tokens_and_is_published_only_if_it_has_a_public_part(make, alg, published):
    key = Key.generate(alg)
    auth = make(keys=key)
    tokens = auth.start("7")
    verifier = Verifier(key, issuer="https://issuer.example", audience="api", typ="at+jwt")
    assert verifier.verify(tokens.access_token)["sub"] == "7"
    assert auth.authenticate(auth.refresh(tokens.refresh_token).access_token).subject == "7"
    assert [entry["kid"] for entry in auth.jwks()["keys"]] == [key.kid] * published


def test_the_jwks_holds_public_parts_of_public_keys_only(auth):
    signing, standby = auth.jwks()["keys"]
    assert signing["kid"] == auth.keyring.public.find_signing_key().kid != standby["kid"]
    assert not {"d", "k"} & (signing.keys() | standby.keys())


def test_a_token_signed_with_a_key_of_another_house_is_refused(make):
    with pytest.raises(UnknownKey):
        make().authenticate(make().start("7").access_token)


# -- methods and claims of a login -----------------------------------------------------------------


@pytest.mark.parametrize("users", ["accounts", "own users"])
def test_a_password_login_names_its_method_at_the_login_and_at_each_refresh(make, users):
    auth = make(check_password=own_users if users == "own users" else None)
    if users == "accounts":
        auth.accounts.add("alice", PASSWORD)
    tokens = auth.login("alice", PASSWORD)
    assert auth.authenticate(tokens.access_token).amr == ("pwd",)
    wait(auth, 31)
    identity = auth.authenticate(auth.refresh(tokens.refresh_token).access_token)
    assert (identity.amr, identity.claims["amr"]) == (("pwd",), ["pwd"])


def test_methods_and_claims_of_a_login_stay_those_of_its_session(make, url, redis_settings):
    for name, settings in {"alice": SETTINGS, "bob": redis_settings}.items():
        auth = make(url, settings=settings)
        subject = auth.accounts.add(name, PASSWORD).subject
        tokens = auth.start(subject, amr=["hwk", "user"], claims={"device": "phone", "org": {"id": 7}})
        other = auth.start(subject)
        for _ in range(2):
            identity = auth.authenticate(tokens.access_token)
            assert identity.amr == ("hwk", "user")
            assert (identity.claims["device"], identity.claims["org"]) == ("phone", {"id": 7})
            wait(auth, 31)
            tokens = auth.refresh(tokens.refresh_token)
        identity = auth.authenticate(auth.refresh(other.refresh_token).access_token)
        assert identity.amr == ()
        assert not {"amr", "device"} & identity.claims.keys()


def test_tokens_with_the_largest_claims_fit_into_a_cookie(make):
    auth = make(settings=msgspec.structs.replace(SETTINGS, audience="a" * 50, client_id="c" * 50))
    subject = auth.accounts.add("alice", PASSWORD, ["reports:read", "reports:write"]).subject
    tokens = auth.start(subject, amr=["pwd", "otp"], claims={"a": "x" * (LARGEST_CLAIMS - len('{"a":""}'))})
    assert max(len(tokens.access_token), len(tokens.refresh_token)) < 3_800


def test_subject_claims_win_over_the_claims_of_the_login(make):
    today = {"tenant": "red"}
    auth = make(subject_claims=lambda _: today)
    tokens = auth.start("7", claims={"tenant": "of the login", "device": "phone"})
    found = [auth.authenticate(tokens.access_token).claims]
    del today["tenant"]
    found.append(auth.authenticate(auth.refresh(tokens.refresh_token).access_token).claims)
    told = [(claims["tenant"], claims["device"]) for claims in found]
    assert told == [("red", "phone"), ("of the login", "phone")]


def test_the_claims_of_a_checked_subject_are_the_claims_of_its_login(make):
    auth = make(check_password=lambda name, _: Subject("7", name, claims={"directory": "ldap"}))
    assert auth.check_password("alice", PASSWORD).claims == {"directory": "ldap"}
    tokens = auth.login("alice", PASSWORD)
    for access_token in (tokens.access_token, auth.refresh(tokens.refresh_token).access_token):
        assert auth.authenticate(access_token).claims["directory"] == "ldap"


@pytest.mark.parametrize("where", ["sqlite", "redis"])
@pytest.mark.parametrize(
    ("lifetime", "days"), [(timedelta(days=20), 20), (2 * 86_400, 2), (timedelta(days=100), 100), (None, 90)]
)
def test_a_session_ends_with_the_lifetime_of_its_login_however_often_it_is_refreshed(
    make, url, where, redis_settings, lifetime, days
):
    auth = make(url, settings=redis_settings if where == "redis" else SETTINGS)
    tokens, waited = auth.start("7", lifetime=lifetime), 0
    (session,) = auth.sessions("7")
    assert session.lifetime == (None if lifetime is None else days * 86_400)
    while days * 86_400 - waited > 10 * 86_400:
        wait(auth, 10 * 86_400 - 60)
        waited += 10 * 86_400 - 60
        tokens = auth.refresh(tokens.refresh_token)
    left = days * 86_400 - waited
    assert tokens.refresh_expires_in in {left, left - 1, left - 2}
    wait(auth, left + 1)
    assert refuses_to_refresh(auth, tokens)
    assert auth.sessions("7") == []


def test_a_session_records_the_methods_and_the_claims_of_its_login(make, url, redis_settings):
    for name, settings in {"alice": SETTINGS, "bob": redis_settings}.items():
        auth = make(
            url, settings=settings, check_password=lambda name, _: Subject(name, claims={"via": name})
        )
        tokens = auth.login(name, PASSWORD)
        auth.refresh(tokens.refresh_token)
        (session,) = auth.sessions(name)
        assert (session.amr, session.claims, session.lifetime) == (("pwd",), {"via": name}, None)


def change_row(auth: Auth, assignment: str) -> None:
    """Do what somebody who can write to the database can do."""
    with create_engine(auth.settings.database_url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql(f"UPDATE watchword_sessions SET {assignment}")


@pytest.mark.parametrize(
    ("given", "written"), [(None, 10**9), (3_600, 10**9), (3_600, "NULL"), (3_600, 3_599)]
)
def test_a_lifetime_that_only_the_row_has_ends_the_refreshes(make, url, given, written):
    auth = make(url)
    tokens = auth.start("7", lifetime=given)
    change_row(auth, f"lifetime = {written}")
    assert refuses_to_refresh(auth, tokens)
    change_row(auth, f"lifetime = {'NULL' if given is None else given}")
    assert auth.refresh(tokens.refresh_token).subject == "7"


def test_methods_and_claims_that_only_the_row_has_grant_nothing(make, url):
    auth = make(url)
    tokens = auth.start("7", amr=["otp"])
    change_row(auth, """amr = 'pwd hwk', claims = '{"role": "admin"}'""")
    identity = auth.authenticate(auth.refresh(tokens.refresh_token).access_token)
    assert identity.amr == ("otp",)
    assert "role" not in identity.claims


def test_refresh_tokens_from_before_there_were_methods_go_on(auth):
    tokens = auth.start("7")
    claims = inspect_unverified(tokens.refresh_token).claims
    assert not {"amr", "claims", "lifetime"} & claims.keys(), "a token without them is the same as before"
    identity = auth.authenticate(auth.refresh(tokens.refresh_token).access_token)
    assert (identity.amr, "amr" in identity.claims) == ((), False)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"claims": {"sub": "8"}}, Unissuable),
        ({"lifetime": 0}, InvalidSettings),
        ({"lifetime": "1 day"}, InvalidSettings),
        ({"lifetime": timedelta(days=10_000)}, InvalidSettings),
        ({"claims": {"amr": ["otp"]}}, Unissuable),
        ({"claims": {"big": "x" * 3_000}}, Unissuable),
        ({"claims": ["tenant"]}, Unissuable),
        ({"amr": "pwd"}, InvalidSettings),
        ({"amr": [""]}, InvalidSettings),
    ],
    ids=repr,
)
def test_a_login_that_cannot_be_issued_starts_no_session(auth, arguments, error):
    with pytest.raises(error):
        auth.start("7", **arguments)
    assert auth.sessions("7") == []


def test_a_subject_whose_claims_cannot_be_issued_starts_no_session(make):
    auth = make(check_password=lambda name, _: Subject("7", name, claims={"exp": 2**40}))
    with pytest.raises(Unissuable, match="claims: exp"):
        auth.login("alice", PASSWORD)
    assert auth.sessions("7") == []


# -- time ----------------------------------------------------------------------------------------


def test_an_access_token_expires_by_the_store_s_time_and_after_the_leeway(auth):
    tokens = auth.start("7")
    wait(auth, 600 + 25)
    assert auth.authenticate(tokens.access_token).subject == "7"
    wait(auth, 6)
    with pytest.raises(ExpiredToken):
        auth.authenticate(tokens.access_token)
    assert auth.authenticate(auth.refresh(tokens.refresh_token).access_token).subject == "7"


def test_an_ended_session_stays_ended_for_as_long_as_the_leeway_lets_its_token_live(auth):
    tokens = auth.start("7")
    auth.end(tokens.session_id)
    wait(auth, 600 + 25)
    with pytest.raises(SessionEnded):
        auth.authenticate(tokens.access_token)


def test_a_session_expires_when_it_lies_idle_and_at_last_in_any_case(auth):
    tokens = auth.start("7")
    idle = auth.start("8")
    for _ in range(9):
        wait(auth, 10 * 86_400 - 60)
        tokens = auth.refresh(tokens.refresh_token)
    with pytest.raises(InvalidGrant):
        auth.refresh(idle.refresh_token)
    assert tokens.refresh_expires_in <= 540
    assert tokens.expires_in <= tokens.refresh_expires_in
    wait(auth, 600)
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    assert auth.sessions("7") == []


@pytest.mark.parametrize("shift", [-7200, 7200])
def test_a_node_whose_own_clock_is_off_agrees_with_the_store(make, shift):
    auth = make()
    auth.stores.sessions.time_shift = shift
    tokens = auth.start("7")
    assert auth.authenticate(tokens.access_token).subject == "7"
    assert auth.now() == pytest.approx(time.time() + shift, abs=5)


@pytest.mark.parametrize("shift", [-7200, 7200])
def test_a_node_whose_own_clock_is_off_logs_out_before_it_has_verified_anything(make, shift):
    auth = make()
    auth.stores.sessions.time_shift = shift
    tokens = auth.start("7")
    auth.logout(tokens.access_token)
    assert refuses(auth, tokens)


def test_an_old_refresh_token_after_the_window_ends_the_session(auth):
    first = auth.start("7")
    second = auth.refresh(first.refresh_token)
    wait(auth, 31)
    with pytest.raises(InvalidGrant):
        auth.refresh(first.refresh_token)
    assert refuses(auth, second)


# -- the store is away, the news is old ------------------------------------------------------------


def test_authenticate_does_no_io_while_ready(auth):
    assert not auth.ready()
    tokens = auth.start("7")
    assert auth.ready()
    auth.authenticate(tokens.access_token)
    assert 0 <= auth.revocation_staleness() < 30
    auth.stores.close()  # the database in memory is gone now: whoever asks it is told so
    assert auth.authenticate(tokens.access_token).subject == "7"
    with pytest.raises(StoreUnavailable):
        auth.sessions("7")


class Elapsed:
    """The monotonic clock of a process that was thawed: it jumps when told."""

    def __init__(self, auth: Auth) -> None:
        self.ahead = 0.0
        self._clock = auth._revocations._monotonic
        auth._revocations._monotonic = self

    def __call__(self) -> float:
        return self._clock() + self.ahead


def test_a_node_whose_store_is_restored_from_a_backup_forgets_no_end_and_misses_none(make, url, tmp_path):
    here, there = make(url), make(url)
    ended, later, last = here.start("7"), here.start("7"), here.start("7")
    database, backup = tmp_path / "app.db", tmp_path / "backup"
    here.stores.close(), there.stores.close()  # the write-ahead log is part of the file now
    shutil.copy(database, backup)
    here.end(ended.session_id)
    poll(there)
    assert refuses(there, ended)

    here.stores.close(), there.stores.close()
    backup.replace(database)
    here.end(later.session_id)  # under the position that was told before the backup came
    here.end(last.session_id)
    poll(there)
    assert refuses(there, later)
    assert refuses(there, last)
    with pytest.raises(SessionEnded):  # though the store knows it as live again
        there.authenticate(ended.access_token)


def test_news_that_is_too_old_is_not_trusted_while_the_store_is_away(auth):
    elapsed, tokens = Elapsed(auth), auth.start("7")
    auth.authenticate(tokens.access_token)
    auth.stores.close()
    elapsed.ahead += 31
    assert not auth.ready()
    assert auth.revocation_staleness() > 30
    with pytest.raises(StoreUnavailable):
        auth.authenticate(tokens.access_token)


def test_news_that_is_too_old_is_accepted_where_the_settings_say_so(make):
    auth = make(settings=msgspec.structs.replace(SETTINGS, when_stale="accept"))
    elapsed, tokens, ended = Elapsed(auth), auth.start("7"), auth.start("8")
    auth.authenticate(tokens.access_token)
    auth.end(ended.session_id)
    auth.stores.close()
    elapsed.ahead += 31
    assert auth.authenticate(tokens.access_token).subject == "7"
    with pytest.raises(SessionEnded):
        auth.authenticate(ended.access_token)


def test_a_store_that_is_away_is_unavailable_and_then_service_goes_on(make, url, tmp_path):
    auth = make(url, check_password=own_users)
    elapsed, tokens = Elapsed(auth), auth.start("7")
    (tmp_path / "app.db").rename(tmp_path / "away.db")
    calls = [
        lambda: auth.login("alice", PASSWORD),
        lambda: auth.start("7"),
        lambda: auth.refresh(tokens.refresh_token),
        lambda: auth.logout(tokens.access_token),
        lambda: auth.logout(refresh_token=tokens.refresh_token),
        lambda: auth.end_all("7"),
        lambda: auth.sessions("7"),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    elapsed.ahead += 31
    with pytest.raises(StoreUnavailable):
        auth.authenticate(tokens.access_token)
    (tmp_path / "away.db").rename(tmp_path / "app.db")
    poll(auth)
    assert auth.authenticate(tokens.access_token).subject == "7"
    auth.logout(tokens.access_token)
    assert auth.sessions("7") == []


def test_a_closed_desk_opens_again_when_it_is_used(make, url):
    auth = make(url)
    tokens = auth.start("7")
    auth.authenticate(tokens.access_token)
    auth.close()
    assert auth.refresh(tokens.refresh_token).subject == "7"


# -- accounts in SQL, the rest in Redis ----------------------------------------------------------


def test_an_end_in_redis_holds_in_the_other_process_with_its_next_poll(make, url, redis_settings):
    here, there = (make(url, settings=redis_settings) for _ in "12")
    here.accounts.add("alice", PASSWORD)
    tokens = here.login("alice", PASSWORD)
    assert there.authenticate(tokens.access_token).username == "alice"
    here.end(tokens.session_id)
    poll(there)
    assert refuses(here, tokens)
    assert refuses(there, tokens)


def test_keys_in_redis_are_every_processes(make, redis_settings):
    here, there = (make(settings=redis_settings) for _ in "12")
    assert here.jwks() == there.jwks() != {"keys": []}


def test_failures_of_an_address_are_counted_by_all_processes_together(make, url, redis_settings):
    settings = msgspec.structs.replace(redis_settings, address_failures=4)
    desks = [make(url, settings=settings) for _ in "12"]
    for number in range(4):
        with pytest.raises(InvalidCredentials):
            desks[number % 2].login(f"name {number}", PASSWORD, HOME)
    for desk in desks:
        with pytest.raises(Throttled) as caught:
            desk.login("another name", PASSWORD, HOME)
        assert 1 < caught.value.retry_after <= settings.address_window
        with pytest.raises(InvalidCredentials):
            desk.login("another name", PASSWORD, Client(ip_address="192.0.2.77"))


def test_with_redis_there_is_no_file_beside_which_a_secret_could_be_made(make, url, tmp_path, redis_settings):
    with pytest.raises(InvalidSettings, match="secret must be set for a store on a server"):
        make(url, settings=msgspec.structs.replace(redis_settings, secret=()))
    make(url, settings=redis_settings)
    assert not list(tmp_path.glob("*.secret"))


def test_a_check_of_the_applications_that_fails_is_logged_with_its_traceback_and_without_the_password(
    make, caplog
):
    def check(username: str, password: str) -> Subject | None:
        raise ConnectionError("the directory is away")

    with pytest.raises(ConnectionError):
        make(check_password=check).login("alice", PASSWORD)
    [record] = [record for record in caplog.records if record.name == "watchword.auth"]
    told = logging.Formatter().format(record)
    assert "the directory is away" in told
    assert PASSWORD not in told


# -- nodes with other settings -------------------------------------------------------------------


@pytest.mark.parametrize("where", ["sqlite", "redis"])
def test_nodes_with_other_settings_say_so_and_accept_what_the_newest_node_accepts(
    make, url, where, redis_settings
):
    base = redis_settings if where == "redis" else SETTINGS
    told: dict[str, list[Event]] = {"old": [], "new": []}
    patient = msgspec.structs.replace(base, leeway=200, refresh_window=100, access_lifetime=1_200)
    old = make(url, settings=patient, listeners=[told["old"].append])
    tokens = old.start("7")
    second = old.refresh(tokens.refresh_token)
    new = make(url, settings=base, listeners=[told["new"].append])
    poll(new), poll(old), poll(new), poll(old)

    differing = {"access_lifetime", "leeway", "refresh_window"}
    assert set(old.find_settings_that_differ()) == differing
    assert new.find_settings_that_differ() == ()
    found = {
        name: {e.setting for e in events if isinstance(e, SettingsDiffer)} for name, events in told.items()
    }
    assert found == {"old": differing, "new": differing}
    for auth in (old, new):  # after 60 seconds: inside the window of the one, not of the other
        wait(auth, 60)
    assert new.refresh(second.refresh_token).subject == "7"
    assert refuses_to_refresh(old, tokens)
    assert old.start("8").expires_in == new.start("8").expires_in == base.access_lifetime
    for auth in (old, new):  # 40 seconds after the token has expired
        wait(auth, 1_180)
        with pytest.raises(ExpiredToken):
            auth.authenticate(second.access_token)


def test_a_node_that_follows_a_longer_leeway_learns_first_of_the_ends_that_count_then(make, url):
    base = msgspec.structs.replace(SETTINGS, leeway=0)
    old = make(url, settings=base)
    ended, live = old.start("7"), old.start("7")
    old.end(ended.session_id)
    wait(old, 650)
    assert not old._revocations.ended(ended.session_id), "forgotten"
    new = make(url, settings=msgspec.structs.replace(SETTINGS, leeway=300))
    new.stores.sessions.time_shift = old.stores.sessions.time_shift
    poll(new), poll(old)
    with pytest.raises(ExpiredToken):
        old.authenticate(live.access_token)
    poll(old)
    assert old.authenticate(live.access_token).subject == "7"
    with pytest.raises(SessionEnded):
        old.authenticate(ended.access_token)


def test_audiences_have_settings_of_their_own_and_a_restart_with_the_same_is_no_news(make, url):
    events: list[Event] = []
    for audience, leeway in [("api", 30), ("backoffice", 0), ("api", 30), ("backoffice", 0)]:
        settings = msgspec.structs.replace(SETTINGS, audience=audience, leeway=leeway)
        auth = make(url, settings=settings, listeners=[events.append])
        poll(auth), poll(auth)
        assert auth.find_settings_that_differ() == ()
    assert not [event for event in events if isinstance(event, SettingsDiffer)]


def test_a_poll_that_brings_the_same_settings_keeps_the_verifier_and_its_cache(auth):
    poll(auth)
    verifier = auth._verifier
    poll(auth)
    assert auth._verifier is verifier


def test_of_two_nodes_that_start_at_once_both_end_with_what_was_recorded_last(make, url):
    here, there = make(url), make(url, settings=msgspec.structs.replace(SETTINGS, leeway=60))
    record_settings = here.stores.sessions.record_settings

    def be_overtaken(*args: Any, **kwargs: Any) -> bool:
        here.stores.sessions.record_settings = record_settings
        poll(there)
        return record_settings(*args, **kwargs)

    here.stores.sessions.record_settings = be_overtaken
    for _ in range(3):
        poll(here), poll(there)
    assert here.find_settings_that_differ() == ()
    assert there.find_settings_that_differ() == ("leeway",)


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"api": {}}', '{"api": {"leeway": 10000}}'])
def test_a_record_that_cannot_be_read_is_replaced(make, url, text):
    auth = make(url)
    auth.stores.sessions.record_settings(text, expected="")
    poll(auth)
    assert json.loads(auth.stores.sessions.poll(None, None, grace=0).settings)["api"]["leeway"] == 30


# -- secrets -------------------------------------------------------------------------------------


def test_a_secret_is_made_beside_the_database_and_another_process_reads_it(make, url, tmp_path):
    first, second = make(url), make(url)
    assert (tmp_path / "app.db.secret").stat().st_mode & 0o777 == 0o600
    assert second.authenticate(first.start("7").access_token).subject == "7"
    assert first.jwks() == second.jwks()


def test_a_lost_secret_is_not_replaced(make, url, tmp_path):
    make(url)
    (tmp_path / "app.db.secret").unlink()
    with pytest.raises(InvalidSettings, match=r"restore app\.db\.secret"):
        make(url)
    assert not (tmp_path / "app.db.secret").exists()


def test_secrets_in_the_settings_make_no_file_and_may_be_changed_newest_first(make, url, tmp_path):
    def with_secrets(*secrets: str) -> Auth:
        return make(url, settings=msgspec.structs.replace(SETTINGS, secret=secrets))

    jwks = with_secrets("o" * 32).jwks()
    assert not (tmp_path / "app.db.secret").exists()
    assert with_secrets("n" * 32, "o" * 32).jwks() == jwks
    with pytest.raises(InvalidSettings, match="WATCHWORD_SECRET"):
        with_secrets("n" * 32)


def test_throttles_outlive_the_addition_of_a_secret(make, url):
    def with_secrets(*secrets: str) -> Auth:
        settings = msgspec.structs.replace(SETTINGS, secret=secrets)
        return make(url, settings=settings, check_password=own_users)

    old = with_secrets("o" * 32)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            old.login("alice", "wrong")
    with pytest.raises(Throttled):
        with_secrets("n" * 32, "o" * 32).login("alice", PASSWORD)


@pytest.mark.parametrize("kind", ["public", "internal"])
def test_a_process_without_news_asks_before_it_signs_or_trusts_a_refresh_token(make, url, kind):
    here, there = make(url), make(url)
    elapsed, tokens = Elapsed(here), here.start("7")
    bad = getattr(there.keyring, kind).find_signing_key()
    there.keyring.compromise(bad.kid)
    elapsed.ahead += 31
    if kind == "internal":
        with pytest.raises(InvalidGrant):
            here.refresh(tokens.refresh_token)
        with pytest.raises(InvalidGrant):
            here.logout(refresh_token=tokens.refresh_token)
    elapsed.ahead += 31
    renewed = here.start("7")
    token = renewed.access_token if kind == "public" else renewed.refresh_token
    assert inspect_unverified(token).header["kid"] != bad.kid


def test_the_thread_tends_the_keys(make, url):
    told, made = threading.Event(), []

    def listener(event):
        if isinstance(event, KeyCreated):
            made.append(event.kind)
            if len(made) == 6:
                told.set()

    auth = make(
        url, settings=msgspec.structs.replace(SETTINGS, revocation_interval=0.05), listeners=[listener]
    )
    auth.start("7")
    auth.stores.sessions.time_shift += auth.settings.rotation_period + 1
    assert told.wait(10)
    assert sorted(made[4:]) == ["internal", "public"]


def test_a_key_made_elsewhere_arrives_with_the_poll(auth):
    key, secret = Key.generate("EdDSA"), auth.keyring._secrets[0]
    poll(auth)
    sealed = seal(key, secret, kind="public", epoch=3)
    auth.stores.keys.insert_key("public", 3, key.kid, "EdDSA", sealed, not_before=0, lead=60)
    poll(auth)
    assert [entry["kid"] for entry in auth.jwks()["keys"]][-1] == key.kid
    assert auth.keyring.public.find_signing_key().kid != key.kid
    wait(auth, 60)
    assert auth.keyring.public.find_signing_key().kid == key.kid
    assert auth.authenticate(auth.start("7").access_token).subject == "7"


def test_a_whole_story_leaves_no_secret_in_events_log_reprs_or_database(make, url, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    auth = make(url, listeners=[events.append])
    subject = auth.accounts.add("alice", PASSWORD).subject
    tokens = [auth.login("alice", PASSWORD, HOME)]
    tokens.append(auth.refresh(tokens[0].refresh_token, HOME))
    tokens.append(auth.refresh(tokens[0].refresh_token, HOME))
    auth.authenticate(tokens[-1].access_token)
    wait(auth, 31)
    errors = []
    for call in (
        lambda: auth.refresh(tokens[0].refresh_token, HOME),
        lambda: auth.authenticate(tokens[-1].access_token),
        lambda: auth.login(PASSWORD, "alice", HOME),  # the password in the wrong field
        lambda: auth.login("alice", OTHER_PASSWORD, HOME),
        *([lambda: auth.login("nobody", PASSWORD, HOME)] * 6),
    ):
        with pytest.raises((InvalidGrant, SessionEnded, InvalidCredentials, Throttled)) as caught:
            call()
        errors.append(repr(caught.value))
    tokens.append(auth.login("alice", PASSWORD, HOME))
    auth.change_password(subject, OTHER_PASSWORD)
    auth.delete_account(subject)
    names = [event.name for event in events]
    assert set(names) == {
        "key_created", "account_created", "login", "refresh", "refresh_replayed", "refresh_reused",
        "login_failed", "login_throttled", "session_ended", "password_changed", "account_deleted",
    }  # fmt: skip
    logged = [json.loads(r.getMessage())["event"] for r in caplog.records if r.name == "watchword.security"]
    assert logged == names

    secret = (tmp_path / "app.db.secret").read_text().strip()
    private = [
        value
        for ring in (auth.keyring.public, auth.keyring.internal)
        for name, value in ring.find_signing_key().to_jwk(private=True).items()
        if name in {"d", "k"}
    ]
    presented = [text for pair in tokens for text in (pair.access_token, pair.refresh_token)]
    signatures = [token.rpartition(".")[2] for token in presented]
    hidden = [PASSWORD, OTHER_PASSWORD, secret, *private, *signatures]
    parts = [auth, auth.settings, auth.stores, auth.accounts, *vars(auth).values(), *tokens]
    told = [*(repr(part) for part in parts), *errors]
    told += [msgspec.json.encode(event).decode() for event in events]
    told += [logging.Formatter().format(record) for record in caplog.records]
    told.append(_dump(url))
    assert not [text for text in told if any(word in text for word in hidden)]


def _dump(url: str) -> str:
    """Every value of every column of the database."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars()
            return repr([connection.execute(text(f"SELECT * FROM {name}")).all() for name in list(tables)])
    finally:
        engine.dispose()


def test_listeners_are_told_in_order_and_after_the_log(make, caplog):
    caplog.set_level(logging.INFO, "watchword.security")
    told = []
    first, second = (
        lambda event, name=name: told.append((name, event.name, len(caplog.records)))
        for name in ("first", "second")
    )
    auth = make(listeners=[first, second])
    told.clear()
    lines = len(caplog.records)
    auth.start("7")
    assert told == [("first", "login", lines + 1), ("second", "login", lines + 1)]


def test_a_listener_that_fails_is_logged_and_stops_neither_the_login_nor_the_next_listener(make, caplog):
    def failing(event: Event) -> None:
        raise ZeroDivisionError

    events: list[Event] = []
    auth = make(listeners=[failing, events.append])
    tokens = auth.start("7")
    auth.end(tokens.session_id)
    assert refuses(auth, tokens)
    assert [event.name for event in events] == ["key_created"] * 4 + ["login", "session_ended"]
    failures = [record for record in caplog.records if record.name == "watchword.events"]
    assert len(failures) == len(events)
    assert all(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in failures)


def test_a_login_and_a_refused_one_tell_how_long_they_took_with_the_password(make):
    def check(username: str, password: str) -> Subject | None:
        threading.Event().wait(0.05)
        return own_users(username, password)

    events: list[Event] = []
    auth = make(check_password=check, listeners=[events.append])
    auth.login("alice", PASSWORD)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", OTHER_PASSWORD)
    *_, login, failure = events
    assert (login.name, failure.name) == ("login", "login_failed")
    assert 0.05 <= login.seconds < 10
    assert 0.05 <= failure.seconds < 10


def test_keys_are_made_with_an_event_at_the_first_start_only(make, url):
    events: list[Event] = []
    for _ in range(2):
        make(url, listeners=[events.append])
    assert [event.kind for event in events if isinstance(event, KeyCreated)] == [
        "public",
        "internal",
    ] * 2  # the one that signs, and the next


# -- arguments ------------------------------------------------------------------------------------


def test_an_access_token_without_a_session_is_refused(auth):
    issuer = Issuer(auth.settings.issuer, auth.keyring.public, audience="api", typ="at+jwt")
    with pytest.raises(InvalidToken):
        auth.authenticate(issuer.issue("7", {}, lifetime=60))
    with pytest.raises(InvalidToken):
        auth.authenticate(issuer.issue("7", {"sid": 5}, lifetime=60))


def test_the_store_is_the_one_at_the_url(auth):
    assert auth.stores.in_memory
    assert auth.stores.file is None


def test_a_session_has_the_client_that_the_adapter_finds_unless_one_is_given():
    auth = Auth("sqlite://", check_password=lambda username, _: Subject(username, username))
    auth.find_client = lambda: Client(ip_address="192.0.2.1")
    auth.login("7", "right")
    auth.start("7")
    auth.start("7", client=Client(ip_address="192.0.2.2"))
    addresses = [session.ip_address for session in auth.sessions("7")]
    auth.close()
    assert sorted(addresses) == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]


def test_settings_of_another_type_are_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidSettings, match=r"settings must be a Settings, not dict: write Settings\("):
        Auth("sqlite://", settings={"issuer": "https://api.example"})  # type: ignore[arg-type]
