from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from watchword.errors import (
    InvalidCredentials,
    InvalidGrant,
    InvalidSettings,
    KeysUnavailable,
    StoreUnavailable,
    Unissuable,
    WatchwordError,
)
from watchword.events import (
    Event,
    LoginFailed,
    LoginSucceeded,
    RefreshReplayed,
    RefreshReplayedElsewhere,
    RefreshReused,
    SessionRefreshed,
    SessionTerminated,
)
from watchword.jose.jwk import Key
from watchword.jwt.issuer import Issuer
from watchword.jwt.verifier import Verifier
from watchword.sessions import Client, LoginProof, Revocations, Sessions, Subject, Tokens, refresh_verifier
from watchword.sessions.shared_settings import SharedSettings
from watchword.settings import Settings
from watchword.stores import open_sql_stores
from watchword.stores.contract import TimedSession

ISSUER = "https://issuer.example"
ACCESS_KEY = Key.generate("HS256")
REFRESH_KEY = Key.generate("HS256")
SETTINGS = Settings(issuer=ISSUER, audience="api", client_id="web")
HOME = Client(ip_address="192.0.2.1", user_agent="firefox")
AWAY = Client(ip_address="198.51.100.7", user_agent="curl")


class House:
    """Sessions over a real store in memory, and what it takes to look inside."""

    def __init__(self, **settings: Any) -> None:
        self.stores = open_sql_stores("sqlite://")
        self.settings = msgspec.structs.replace(SETTINGS, **settings)
        self.revocations = Revocations(self.stores.sessions, interval=60, max_age=3600, grace=60)
        self.events: list[Event] = []
        self.claims: Any = {}
        self.access_verifier = Verifier(
            ACCESS_KEY, issuer=ISSUER, audience="api", typ="at+jwt", clock=self.stores.now
        )
        self.sessions = Sessions(
            self.stores.sessions,
            accounts=self.stores.accounts,
            access=Issuer(ISSUER, ACCESS_KEY, audience="api", typ="at+jwt"),
            refresh=Issuer(ISSUER, REFRESH_KEY, audience=ISSUER, typ="rt+jwt"),
            refresh_verifier=refresh_verifier(REFRESH_KEY, issuer=ISSUER),
            revocations=self.revocations,
            settings=self.settings,
            subject_claims=self.claims_for,
            notify=self.events.append,
        )

    def claims_for(self, subject: str) -> Any:
        """What the application says of a subject; what it raises, if that is an exception."""
        if isinstance(self.claims, Exception):
            raise self.claims
        return self.claims

    def start(self, subject: str = "alice", client: Client | None = HOME) -> Tokens:
        return self.sessions.start(self.prove(subject, scopes=("read", "write")), client)

    def prove(self, subject: Any = "alice", username: Any = "Alice", scopes: Any = ()) -> LoginProof:
        return LoginProof(
            subject=Subject(subject, username), scopes=scopes, mark=self.stores.sessions.read_mark()
        )

    def end(self, session_id: str, client: Client | None = None) -> None:
        self.sessions.log_out(self.sessions.name_session(session_id), client)

    def wait(self, seconds: float) -> None:
        self.stores.sessions.time_shift += seconds

    def claims_of(self, tokens: Tokens) -> dict[str, Any]:
        return self.access_verifier.verify(tokens.access_token)

    def generation(self, tokens: Tokens) -> int:
        timed = self.stores.sessions.find_session(tokens.session_id)
        assert timed is not None
        return timed.session.generation

    def close(self) -> None:
        self.revocations.close()
        self.stores.close()


@pytest.fixture
def house() -> Iterator[House]:
    opened = House()
    yield opened
    opened.close()


def shared(settings: Settings, **changes: int) -> SharedSettings:
    recorded = {name: getattr(settings, name) for name in SharedSettings.__struct_fields__}
    return SharedSettings(**recorded | changes)


def refused(house: House, refresh_token: str, client: Client | None = None) -> bool:
    try:
        house.sessions.refresh(refresh_token, client)
    except InvalidGrant:
        return True
    return False


# -- starting ------------------------------------------------------------------------------------


def test_a_login_gets_an_access_token_that_says_who_and_where(house: House) -> None:
    house.claims = {"tenant": "blue"}
    tokens = house.start()
    claims = house.claims_of(tokens)
    now = claims["iat"]
    assert {
        name: value for name, value in claims.items() if name not in {"iat", "exp", "jti", "auth_time"}
    } == {
        "iss": ISSUER,
        "sub": "alice",
        "aud": "api",
        "client_id": "web",
        "sid": tokens.session_id,
        "scope": "read write",
        "preferred_username": "Alice",
        "tenant": "blue",
    }
    assert now == pytest.approx(house.stores.now(), abs=5)
    assert (claims["exp"], claims["auth_time"]) == (now + 600, now)
    assert (tokens.subject, tokens.scopes) == ("alice", ("read", "write"))
    assert (tokens.expires_in, tokens.refresh_expires_in) == (600, 14 * 86_400)


def test_the_refresh_token_names_session_and_generation_and_is_for_its_issuer(house: House) -> None:
    tokens = house.start()
    claims = Verifier(REFRESH_KEY, issuer=ISSUER, audience=ISSUER, typ="rt+jwt").verify(tokens.refresh_token)
    assert (claims["sid"], claims["gen"], claims["sub"]) == (tokens.session_id, 1, "alice")
    assert claims["exp"] == claims["iat"] + tokens.refresh_expires_in
    assert set(claims) == {
        "iss", "sub", "aud", "iat", "exp", "jti", "sid", "gen",
        "audience", "client_id", "scope", "preferred_username",
    }  # fmt: skip
    assert (claims["audience"], claims["client_id"]) == ("api", "web")


def test_the_body_is_that_of_rfc_6749(house: House) -> None:
    tokens = house.start()
    assert tokens.body() == {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": 600,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": 14 * 86_400,
        "scope": "read write",
    }


def test_no_token_shows_in_a_repr(house: House) -> None:
    tokens = house.start()
    assert tokens.access_token not in repr(tokens)
    assert tokens.refresh_token not in repr(tokens)


def test_a_session_without_scopes_has_no_scope_claim(house: House) -> None:
    tokens = house.sessions.start(house.prove())
    assert "scope" not in house.claims_of(tokens)
    assert tokens.body()["scope"] == ""


@pytest.mark.parametrize("scope", ["", "two words", 'quo"te', "back\\slash", "ünicode", "new\nline"])
def test_a_scope_that_is_none_starts_no_session(house: House, scope: str) -> None:
    with pytest.raises(InvalidSettings, match="scopes"):
        house.sessions.start(house.prove(scopes=["read", scope]))
    assert not house.sessions.find_live("alice")


def test_scopes_in_one_text_are_as_many_as_are_between_its_spaces(house: House) -> None:
    assert house.sessions.start(house.prove(scopes="read write")).scopes == ("read", "write")


@pytest.mark.parametrize(
    ("subject", "username", "named"),
    [
        (42, "Alice", 'subject .* not 42. Write "42"'),
        ("", "Alice", "subject"),
        ("\ud800", "Alice", "subject must be Unicode text"),
        ("alice", 7, "username"),
        ("alice", "\ud800", "username must be Unicode text"),
    ],
)
def test_whose_session_it_is_must_be_text(house: House, subject: Any, username: Any, named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        house.sessions.start(house.prove(subject, username))


@pytest.mark.parametrize("given", [42, None, "", b"alice", "\udfff"], ids=ascii)
def test_a_subject_that_is_no_text_is_no_outage(house: House, given: Any) -> None:
    house.sessions.start(house.prove("42"))
    for call in (house.sessions.end_all, house.sessions.find_live):
        with pytest.raises(InvalidSettings, match=r"subject must be (a non-empty string, not |Unicode text)"):
            call(given)
    assert len(house.sessions.find_live("42")) == 1


def test_a_refused_subject_gets_no_session(house: House) -> None:
    house.claims = None
    with pytest.raises(InvalidCredentials):
        house.start()
    assert not house.sessions.find_live("alice")
    [event] = house.events
    assert isinstance(event, LoginFailed)
    assert (event.subject, event.address) == ("alice", HOME.ip_address)


@pytest.mark.parametrize("name", ["client_id", "sid", "auth_time", "sub", "exp"])
def test_the_applications_claims_override_none_of_ours(house: House, name: str) -> None:
    house.claims = {name: "other"}
    with pytest.raises(Unissuable, match=name):
        house.start()


def test_a_login_that_the_application_cannot_vouch_for_leaves_no_session(house: House) -> None:
    house.claims = {"sub": "other"}
    with pytest.raises(Unissuable):
        house.start()
    assert not house.sessions.find_live("alice")


def test_a_subject_deactivated_while_logging_in_gets_no_session(house: House) -> None:
    start_session = house.stores.sessions.start_session

    def deactivated_meanwhile(*args: Any, **kwargs: Any) -> Any:
        house.claims = None
        house.sessions.end_all("alice")  # as the application does, a moment before the row is there
        return start_session(*args, **kwargs)

    house.stores.sessions.start_session = deactivated_meanwhile  # type: ignore[method-assign]
    with pytest.raises(InvalidCredentials):
        house.start()
    assert not house.sessions.find_live("alice")


def test_without_subject_claims_a_token_has_ours_only(house: House) -> None:
    sessions = Sessions(
        house.stores.sessions,
        accounts=house.stores.accounts,
        access=Issuer(ISSUER, ACCESS_KEY, audience="api", typ="at+jwt"),
        refresh=Issuer(ISSUER, REFRESH_KEY, audience=ISSUER, typ="rt+jwt"),
        refresh_verifier=refresh_verifier(REFRESH_KEY, issuer=ISSUER),
        revocations=house.revocations,
        settings=SETTINGS,
        notify=house.events.append,
    )
    assert house.claims_of(sessions.start(house.prove()))["sub"] == "alice"


def test_what_a_client_says_of_itself_is_cut_and_cleaned_before_it_is_kept(house: House) -> None:
    house.start(client=Client(ip_address="192.0.2.1\n", user_agent="a\x00\x1b\n\ud800\u202eb" + "c" * 9_000))
    (session,) = house.sessions.find_live("alice")
    assert session.ip_address == "192.0.2.1"
    assert session.user_agent is not None
    assert session.user_agent.startswith("abccc")
    assert len(session.user_agent) <= 256


def test_one_session_too_many_ends_the_oldest_at_once() -> None:
    house = House(max_sessions=2)
    oldest = house.start()
    for _ in range(2):
        house.wait(1)
        house.start(client=AWAY)
    assert house.revocations.ended(oldest.session_id)
    assert len(house.sessions.find_live("alice")) == 2
    (ended,) = [event for event in house.events if isinstance(event, SessionTerminated)]
    assert (ended.session, ended.reason, ended.address) == (
        oldest.session_id,
        "too_many_sessions",
        AWAY.ip_address,
    )
    house.close()


# -- refreshing ----------------------------------------------------------------------------------


def test_a_refresh_rotates_the_pair_and_keeps_the_login(house: House) -> None:
    first = house.start()
    authenticated_at = house.claims_of(first)["auth_time"]
    house.wait(500)
    house.claims = {"tenant": "green"}
    second = house.sessions.refresh(first.refresh_token, AWAY)
    claims = house.claims_of(second)

    assert house.generation(second) == 2
    assert (second.session_id, second.scopes) == (first.session_id, first.scopes)
    assert claims["auth_time"] == authenticated_at
    assert claims["exp"] == claims["iat"] + 600
    assert claims["tenant"] == "green"  # asked for anew
    (session,) = house.sessions.find_live("alice")
    assert (session.ip_address, session.user_agent) == (AWAY.ip_address, AWAY.user_agent)


def test_two_tabs_within_the_window_both_end_with_good_tokens(house: House) -> None:
    first = house.start()
    one = house.sessions.refresh(first.refresh_token)
    house.wait(20)
    other = house.sessions.refresh(first.refresh_token)
    assert house.generation(first) == 2
    assert house.claims_of(one)["exp"] == house.claims_of(other)["exp"]  # the row's, not a later one
    assert other.expires_in in {one.expires_in - 20, one.expires_in - 21}  # a second may have begun
    house.wait(20)
    assert house.sessions.refresh(other.refresh_token)
    assert house.sessions.refresh(one.refresh_token)
    assert house.generation(first) == 3


def test_pairs_asked_for_at_once_are_all_granted_with_one_swap(house: House) -> None:
    tokens = house.start()
    barrier = threading.Barrier(8)

    def refresh() -> Tokens:
        barrier.wait(10)
        return house.sessions.refresh(tokens.refresh_token)

    with ThreadPoolExecutor(8) as pool:
        pairs = [future.result() for future in [pool.submit(refresh) for _ in range(8)]]
    assert house.generation(tokens) == 2
    house.wait(31)
    assert not refused(house, pairs[0].refresh_token)


def test_an_old_token_after_the_window_ends_the_session_for_both(house: House) -> None:
    first = house.start()
    second = house.sessions.refresh(first.refresh_token, HOME)
    house.wait(31)
    house.events.clear()
    assert refused(house, first.refresh_token, AWAY)
    assert house.revocations.ended(first.session_id)
    assert refused(house, second.refresh_token, HOME)
    assert refused(house, first.refresh_token, AWAY)
    about = {"subject": "alice", "session": first.session_id, "address": AWAY.ip_address}
    assert house.events == [
        RefreshReused(**about, seen="recent_predecessor", swapped_by=HOME.ip_address),
        SessionTerminated(**about, reason="refresh_reused"),
    ]


@pytest.mark.parametrize("pause", [1, 31], ids=["inside the window", "after it"])
def test_what_came_back_from_before_the_predecessor_is_told_as_a_copy(house: House, pause: int) -> None:
    first = house.start()
    second = house.sessions.refresh(first.refresh_token)
    house.wait(31)
    house.sessions.refresh(second.refresh_token)
    house.wait(pause)
    assert refused(house, first.refresh_token)
    [seen] = [event.seen for event in house.events if isinstance(event, RefreshReused)]
    assert seen == "old_lineage"


def test_a_reuse_that_comes_just_after_the_end_is_refused_and_not_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.start()
    house.sessions.refresh(first.refresh_token)
    house.wait(31)
    find = house.stores.sessions.find_session

    def find_before_the_end(session_id: str) -> TimedSession | None:
        timed = find(session_id)
        house.stores.sessions.end_session(session_id, "logout")
        return timed

    monkeypatch.setattr(house.stores.sessions, "find_session", find_before_the_end)
    assert refused(house, first.refresh_token)
    assert not any(isinstance(event, RefreshReused) for event in house.events)


def test_a_token_past_its_own_expiry_is_refused_and_ends_nothing() -> None:
    house = House(idle_lifetime=1_000)
    first = house.start()
    house.wait(900)
    second = house.sessions.refresh(first.refresh_token)
    house.wait(200)
    assert refused(house, first.refresh_token)
    assert not refused(house, second.refresh_token)
    house.close()


def test_an_idle_session_is_over(house: House) -> None:
    tokens = house.start()
    house.wait(14 * 86_400)
    assert refused(house, tokens.refresh_token)


def test_no_pair_outlives_the_sessions_absolute_end() -> None:
    house = House(idle_lifetime=700, session_lifetime=1_000)
    tokens = house.start()
    end = house.claims_of(tokens)["iat"] + 1_000
    house.wait(690)
    tokens = house.sessions.refresh(tokens.refresh_token)
    assert tokens.refresh_expires_in == pytest.approx(310, abs=3)
    assert house.claims_of(tokens)["exp"] <= end + 1
    house.wait(320)
    assert refused(house, tokens.refresh_token)
    house.close()


def test_a_session_that_is_over_by_the_lifetimes_of_the_newest_node_is_refused_by_all(house: House) -> None:
    tokens = house.start()
    newest = House(idle_lifetime=700, session_lifetime=1_000)
    newest.sessions._store = house.stores.sessions
    house.wait(2_000)
    house.sessions.follow(shared(newest.settings))
    assert refused(newest, tokens.refresh_token)
    assert refused(house, tokens.refresh_token)
    newest.close()


def test_a_replay_whose_access_token_would_have_expired_is_refused(house: House) -> None:
    tokens = house.start()
    shorter = House(access_lifetime=40)
    shorter.sessions._refresher._store = house.stores.sessions
    house.wait(700)  # the first access token has expired
    shorter.sessions.refresh(tokens.refresh_token)
    house.sessions.follow(shared(house.settings, refresh_window=60))
    house.wait(50)
    assert refused(house, tokens.refresh_token)
    assert house.sessions.find_live("alice")
    shorter.close()


def test_a_deactivated_subject_does_not_refresh_on(house: House) -> None:
    tokens = house.start()
    house.claims = None
    assert refused(house, tokens.refresh_token, AWAY)
    assert house.revocations.ended(tokens.session_id)
    assert not house.sessions.find_live("alice")
    assert house.events[-1] == SessionTerminated(
        subject="alice", session=tokens.session_id, address=AWAY.ip_address, reason="subject_refused"
    )


def token_of(key: Key = REFRESH_KEY, typ: str = "rt+jwt", **claims: Any) -> str:
    audience = claims.pop("aud", ISSUER)
    issuer = Issuer(claims.pop("iss", ISSUER), key, audience=audience, typ=typ)
    return issuer.issue("alice", {"sid": "unknown", "gen": 1} | claims)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "\ud800",
        token_of(),  # a session that is not known
        token_of(gen="1"),
        token_of(gen=True),
        token_of(gen=0),
        token_of(gen=2**60),
        token_of(sid=None),
        token_of(sid=1),
        token_of(typ="at+jwt"),
        token_of(key=Key.generate("HS256")),
        token_of(aud="api"),
        token_of(iss="https://other.example"),
    ],
)
def test_what_is_no_refresh_token_of_ours_is_an_invalid_grant(house: House, token: str) -> None:
    with pytest.raises(InvalidGrant) as caught:
        house.sessions.refresh(token)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not token or token not in str(caught.value)


def test_an_access_token_refreshes_nothing_and_a_refresh_token_opens_nothing(house: House) -> None:
    tokens = house.start()
    assert refused(house, tokens.access_token)
    with pytest.raises(WatchwordError):
        house.access_verifier.verify(tokens.refresh_token)


def test_a_window_that_closes_between_swap_and_reading_is_still_a_replay(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.start()
    second = house.sessions.refresh(first.refresh_token)
    find = house.stores.sessions.find_session

    def find_later(session_id: str) -> TimedSession | None:
        house.wait(31)
        return find(session_id)

    def swap_too_late(*_: Any) -> None:
        monkeypatch.setattr(house.stores.sessions, "find_session", find_later)

    house.wait(31)
    monkeypatch.setattr(house.stores.sessions, "swap_session", swap_too_late)
    third = house.sessions.refresh(second.refresh_token)
    monkeypatch.undo()
    assert house.generation(third) == 2
    assert isinstance(house.events[-1], RefreshReplayed)


def test_a_store_that_is_away_is_not_taken_for_a_bad_token(house: House) -> None:
    tokens = house.start()
    house.stores.close()  # and with it, in memory, everything
    with pytest.raises(StoreUnavailable):
        house.sessions.refresh(tokens.refresh_token)


def test_missing_keys_are_not_taken_for_a_bad_token(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        version = 1

        def find(self, kid: str | None, alg: str) -> list[Key]:
            raise KeysUnavailable

        def ready(self, kid: str | None, alg: str) -> bool:
            return False

    tokens = house.start()
    monkeypatch.setattr(house.sessions._refresher, "_verifier", refresh_verifier(Away(), issuer=ISSUER))
    with pytest.raises(KeysUnavailable):
        house.sessions.refresh(tokens.refresh_token)


@hypothesis_settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from([0, 7, 14, 28, 35]), st.integers(0, 3)), max_size=20))
def test_any_schedule_of_tabs_retries_and_thefts_leaves_one_live_generation(
    schedule: list[tuple[int, int]],
) -> None:
    house = House()
    tokens = {1: house.start()}
    replaced_at: dict[int, float] = {}
    for seconds, age in schedule:
        house.wait(seconds)
        newest = max(tokens)
        generation = max(1, newest - age)
        now = house.stores.sessions.time_shift
        good = generation == newest or now - replaced_at[generation] < 30
        if not good:
            assert refused(house, tokens[generation].refresh_token)
            assert all(refused(house, pair.refresh_token) for pair in tokens.values())
            assert house.revocations.ended(tokens[1].session_id)
            break
        pair = house.sessions.refresh(tokens[generation].refresh_token)
        if house.generation(pair) > newest:
            tokens[newest + 1] = pair
            replaced_at[newest] = now
    house.close()


def test_a_session_of_an_own_user_from_before_sessions_were_bound_goes_on(house: House) -> None:
    tokens = house.start()
    with house.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("UPDATE watchword_sessions SET audience = NULL, client_id = NULL")
    older = Issuer(ISSUER, REFRESH_KEY, audience=ISSUER, typ="rt+jwt").issue(
        "alice", {"sid": tokens.session_id, "gen": 1}
    )
    renewed = house.sessions.refresh(older)
    claims = house.claims_of(renewed)
    assert (claims["preferred_username"], claims["scope"]) == ("Alice", "read write")
    [session] = house.sessions.find_live("alice")
    assert (session.audience, session.client_id, session.credentials_version) == ("api", "web", None)


# -- what is asked before the swap ---------------------------------------------------------------


class BrokenSigner:
    """A signer that is away while it is broken."""

    alg, kid = ACCESS_KEY.alg, ACCESS_KEY.kid
    broken = False

    def sign(self, content: bytes) -> bytes:
        if self.broken:
            raise ConnectionError("the signer is away")
        return ACCESS_KEY.sign(content)


@pytest.mark.parametrize("failing", ["the application", "the signer", "claims that are not JSON"])
def test_a_failure_costs_no_refresh_token_and_looks_like_no_theft(
    house: House, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    signer = BrokenSigner()
    house.sessions._pairs._access = Issuer(ISSUER, signer, audience="api", typ="at+jwt")
    tokens = house.start()
    house.events.clear()
    if failing == "the signer":
        signer.broken = True
    else:
        house.claims = {"x": math.nan} if failing.startswith("claims") else ConnectionError("is away")
    with pytest.raises(Unissuable if failing.startswith("claims") else ConnectionError):
        house.sessions.refresh(tokens.refresh_token)
    assert house.generation(tokens) == 1
    signer.broken, house.claims = False, {}
    house.wait(120)
    assert house.claims_of(house.sessions.refresh(tokens.refresh_token))["sub"] == "alice"
    assert [type(event) for event in house.events] == [SessionRefreshed]
    traced = [record for record in caplog.records if record.exc_info]
    assert len(traced) == (failing == "the application")


@pytest.mark.parametrize("breaks", [False, True], ids=["signer works", "signer breaks"])
def test_where_time_passes_between_the_row_and_the_swap_the_pairs_expire_together(
    house: House, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    signer, swap = BrokenSigner(), house.stores.sessions.swap_session
    house.sessions._pairs._access = Issuer(ISSUER, signer, audience="api", typ="at+jwt")
    tokens = house.start()

    def swap_late(*arguments: Any) -> TimedSession | None:
        house.wait(3)
        signer.broken = breaks
        return swap(*arguments)

    monkeypatch.setattr(house.stores.sessions, "swap_session", swap_late)
    first = house.sessions.refresh(tokens.refresh_token)
    signer.broken = False
    second = house.sessions.refresh(tokens.refresh_token)
    ends = [house.claims_of(pair)["exp"] for pair in (first, second)]
    assert ends[1] - ends[0] in ({3, 4} if breaks else {0})
    assert house.generation(first) == 2


@pytest.mark.parametrize("failing", ["the application", "the signer"])
def test_a_login_that_fails_on_the_way_starts_and_ends_no_session(failing: str) -> None:
    house, signer = House(max_sessions=1), BrokenSigner()
    house.sessions._pairs._access = Issuer(ISSUER, signer, audience="api", typ="at+jwt")
    there = house.start()
    house.events.clear()
    signer.broken = failing == "the signer"
    house.claims = ConnectionError("is away") if failing == "the application" else {}
    with pytest.raises(ConnectionError):
        house.start()
    assert [session.id for session in house.sessions.find_live("alice")] == [there.session_id]
    assert house.events == []
    house.close()


def test_a_signer_that_fails_after_the_session_has_started_leaves_none(house: House) -> None:
    signer = BrokenSigner()
    house.sessions._pairs._access = Issuer(ISSUER, signer, audience="api", typ="at+jwt")
    start_session = house.stores.sessions.start_session

    def start_and_break(*args: Any, **kwargs: Any) -> Any:
        signer.broken = True
        return start_session(*args, **kwargs)

    house.stores.sessions.start_session = start_and_break  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        house.start()
    assert not house.sessions.find_live("alice")
    assert [event.reason for event in house.events if isinstance(event, SessionTerminated)] == [
        "login_failed"
    ]


def test_a_clock_set_back_during_a_refresh_lets_no_access_token_outlive_what_the_row_says(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = house.start()
    house.wait(300)
    swap = house.stores.sessions.swap_session

    def swap_earlier(*args: Any) -> Any:
        house.wait(-200)
        return swap(*args)

    monkeypatch.setattr(house.stores.sessions, "swap_session", swap_earlier)
    renewed = house.sessions.refresh(tokens.refresh_token)
    timed = house.stores.sessions.find_session(tokens.session_id)
    assert timed is not None
    assert house.claims_of(renewed)["exp"] == timed.session.access_until


@pytest.mark.parametrize("column", ["subject", "audience", "client_id"])
def test_a_row_that_says_otherwise_than_the_token_refreshes_nothing(house: House, column: str) -> None:
    tokens = house.start()
    with house.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql(f"UPDATE watchword_sessions SET {column} = 'root'")
    assert refused(house, tokens.refresh_token)
    assert not house.revocations.ended(tokens.session_id)


def test_write_access_to_a_row_gives_no_scopes_and_no_name(house: House) -> None:
    tokens = house.start()
    with house.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("UPDATE watchword_sessions SET scopes = 'admin', username = 'root'")
    claims = house.claims_of(house.sessions.refresh(tokens.refresh_token))
    assert (claims["scope"], claims["preferred_username"]) == ("read write", "Alice")


@pytest.mark.parametrize("changed", [{"audience": "other"}, {"client_id": "other"}])
def test_a_refresh_token_opens_no_other_audience_and_no_other_client(
    house: House, changed: dict[str, str]
) -> None:
    tokens = house.start()
    house.sessions.refresh(tokens.refresh_token)
    house.wait(31)
    house.sessions._refresher._settings = msgspec.structs.replace(SETTINGS, **changed)
    assert refused(house, tokens.refresh_token), "a late token, too"
    house.sessions._refresher._settings = SETTINGS
    assert len(house.sessions.find_live("alice")) == 1


def test_what_the_application_says_of_scopes_and_name_holds_from_the_next_refresh_on(house: House) -> None:
    house.claims = {"scope": "admin read", "preferred_username": "Alice B.", "tenant": "blue"}
    tokens = house.start()
    found = [house.claims_of(tokens)]
    house.wait(31)
    house.claims = {"scope": ["read"], "preferred_username": "Alice C."}
    tokens = house.sessions.refresh(tokens.refresh_token)
    found.append(house.claims_of(tokens))
    assert tokens.scopes == ("read",)
    [session] = house.sessions.find_live("alice")
    assert (session.username, session.scopes) == ("Alice C.", ("read",))
    house.wait(31)
    house.claims = {}  # nothing about them: those of the login
    found.append(house.claims_of(house.sessions.refresh(tokens.refresh_token)))
    assert [(claims["preferred_username"], claims["scope"]) for claims in found] == [
        ("Alice B.", "admin read"),
        ("Alice C.", "read"),
        ("Alice", "read write"),
    ]


@pytest.mark.parametrize(
    "claims",
    [{"scope": 7}, {"scope": {"read"}}, {"scope": [7]}, {"scope": ['quo"te']}, {"scope": None},
     {"preferred_username": ""}, {"preferred_username": 7}, ["scope"]],
)  # fmt: skip
def test_what_no_token_can_say_is_the_applications_mistake(house: House, claims: Any) -> None:
    tokens = house.start()
    house.claims = claims
    with pytest.raises(Unissuable, match="subject_claims"):
        house.sessions.refresh(tokens.refresh_token)
    assert house.generation(tokens) == 1


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (HOME, ()),
        (Client(ip_address="192.0.2.2", user_agent="firefox"), ("network",)),
        (Client(ip_address="192.0.2.1", user_agent="curl"), ("user_agent",)),
        (Client(ip_address="192.0.2.1"), ("user_agent",)),
        (Client(), ("network", "user_agent")),
        (Client(ip_address="not an address", user_agent="firefox"), ("network",)),
    ],
)
def test_a_replay_by_another_client_than_the_swaps_is_told_as_a_warning(
    house: House, other: Client, differs: tuple[str, ...]
) -> None:
    tokens = house.start()
    house.sessions.refresh(tokens.refresh_token, HOME)
    house.sessions.refresh(tokens.refresh_token, other)
    event = house.events[-1]
    assert isinstance(event, RefreshReplayedElsewhere if differs else RefreshReplayed)
    assert (event.address, event.swapped_by) == (other.ip_address, HOME.ip_address)
    assert getattr(event, "differs", ()) == differs
    assert (event.level == logging.WARNING) == bool(differs)


def test_addresses_of_one_ipv6_network_are_one_network(house: House) -> None:
    here, there = (Client(ip_address=f"2001:db8::{number}") for number in "12")
    tokens = house.start()
    house.sessions.refresh(tokens.refresh_token, here)
    house.sessions.refresh(tokens.refresh_token, there)
    assert isinstance(house.events[-1], RefreshReplayed)


# -- ending --------------------------------------------------------------------------------------


def test_an_end_holds_at_once_and_twice_is_no_error(house: House) -> None:
    tokens = house.start()
    house.end(tokens.session_id, AWAY)
    house.end(tokens.session_id)
    house.end("unknown")
    assert house.revocations.ended(tokens.session_id)
    assert refused(house, tokens.refresh_token)
    assert house.events[1:] == [
        SessionTerminated(
            subject="alice", session=tokens.session_id, address=AWAY.ip_address, reason="logout"
        )
    ]


def test_an_end_made_by_another_process_holds_here_after_ending_again(house: House) -> None:
    tokens = house.start()
    house.stores.sessions.end_session(tokens.session_id, "logout")
    house.end(tokens.session_id)
    assert house.revocations.ended(tokens.session_id)


def test_a_log_out_of_a_session_that_the_store_has_forgotten_holds_here_and_elsewhere(house: House) -> None:
    tokens = house.start()
    with house.stores.backends[0].begin_write() as connection:
        connection.exec_driver_sql("DELETE FROM watchword_sessions")  # as a roll-back does
    named = house.sessions.read_refresh_token(tokens.refresh_token)
    assert named.access_until >= house.claims_of(tokens)["exp"]
    house.events.clear()
    for _ in range(2):
        house.sessions.log_out(named, AWAY)
    assert house.revocations.ended(tokens.session_id)
    elsewhere = Revocations(house.stores.sessions, interval=60, max_age=3600, grace=60)
    elsewhere.poll()
    assert elsewhere.ended(tokens.session_id)
    assert refused(house, tokens.refresh_token)
    assert house.events == [
        SessionTerminated(
            subject="alice", session=tokens.session_id, address=AWAY.ip_address, reason="logout"
        )
    ]


def test_ending_all_spares_the_one_to_keep(house: House) -> None:
    kept, other = house.start(), house.start()
    house.sessions.end_all("alice", "password_changed", keep=kept.session_id, client=HOME)
    assert [session.id for session in house.sessions.find_live("alice")] == [kept.session_id]
    assert house.revocations.ended(other.session_id)
    assert not house.revocations.ended(kept.session_id)
    house.sessions.end_all("alice")
    assert house.revocations.ended(kept.session_id)
    reasons = [event.reason for event in house.events if isinstance(event, SessionTerminated)]
    assert reasons == ["password_changed", "logout_all"]


def test_a_refresh_token_names_its_session_however_old_it_is(house: House) -> None:
    first = house.start()
    house.sessions.refresh(first.refresh_token)
    house.end(first.session_id)
    house.wait(1_000 * 86_400)
    assert house.sessions.read_refresh_token(first.refresh_token).session_id == first.session_id


def test_an_expired_refresh_token_names_its_session(house: House) -> None:
    issuer = Issuer(ISSUER, REFRESH_KEY, audience=ISSUER, typ="rt+jwt")
    token = issuer.issue("alice", {"sid": "s1", "gen": 1}, issued_at=1_000_000, lifetime=600)
    assert house.sessions.read_refresh_token(token).session_id == "s1"
    with pytest.raises(InvalidGrant):
        house.sessions.read_refresh_token(token_of(key=Key.generate("HS256")))


# -- events --------------------------------------------------------------------------------------


def test_every_step_is_told_with_who_and_where_and_no_token(house: House) -> None:
    first = house.start(client=HOME)
    second = house.sessions.refresh(first.refresh_token, HOME)
    third = house.sessions.refresh(first.refresh_token, AWAY)
    about = {"subject": "alice", "session": first.session_id}
    assert all(0 < event.seconds < 10 for event in house.events)
    assert [msgspec.structs.replace(event, seconds=None) for event in house.events] == [
        LoginSucceeded(**about, address=HOME.ip_address),
        SessionRefreshed(**about, address=HOME.ip_address),
        RefreshReplayedElsewhere(
            **about,
            address=AWAY.ip_address,
            swapped_by=HOME.ip_address,
            differs=("network", "user_agent"),
        ),
    ]
    told = repr(house.events)
    for pair in (first, second, third):
        assert pair.access_token not in told
        assert pair.refresh_token not in told
