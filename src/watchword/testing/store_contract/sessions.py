"""Conformance tests for sessions."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from watchword.stores.contract import MARK_LIFETIME, Session, SessionDetails, SessionTimes
from watchword.testing.store_contract.racing import THREADS, Store, run_at_once
from watchword.testing.store_contract.session_calls import (
    TIMES,
    begin,
    make_new_session,
    read_time,
    start,
    swap,
)
from watchword.testing.store_contract.session_ends import SessionEndsContract

__all__ = ["SessionStoreContract"]


class SessionStoreContract(SessionEndsContract):
    """The promises of a :class:`~watchword.stores.contract.SessionStore`."""

    # -- starting

    def test_a_started_session_has_generation_one_and_times_in_whole_seconds(self, store: Store) -> None:
        new = make_new_session()
        timed, ended = begin(store, new)
        session, now = timed.session, timed.now

        assert not ended
        assert session == Session(
            id=new.id,
            subject="alice",
            username="Alice",
            scopes=("read", "write"),
            generation=1,
            created_at=now,
            authenticated_at=now,
            refreshed_at=None,
            access_until=math.floor(now) + TIMES.access,
            expires_at=math.floor(now + TIMES.idle),
            user_agent="curl/8",
            ip_address="192.0.2.1",
            audience="api",
            client_id="web",
            credentials_version=7,
        )
        assert store.find_session(new.id).session == session

    def test_an_access_token_never_outlives_its_session(self, store: Store) -> None:
        session = start(store, times=SessionTimes(access=600, idle=300, absolute=200, window=30))
        assert session.expires_at == math.floor(session.created_at + 200)
        assert session.access_until == session.expires_at

    def test_a_session_without_scopes_keeps_none(self, store: Store) -> None:
        timed, _ = begin(store, make_new_session(scopes=()))
        assert timed.session.scopes == ()

    def test_starting_twice_under_one_id_returns_the_row_that_is_there(self, store: Store) -> None:
        new = make_new_session()
        first, _ = begin(store, new, max_live=1)
        store.time_shift += 5
        again, ended = begin(store, new, max_live=1)
        assert (again.session, list(ended)) == (first.session, [])
        assert again.now >= first.now + 5

    def test_one_session_too_many_ends_the_subjects_oldest(self, store: Store) -> None:
        other = start(store, "bob")
        sessions = []
        for _ in range(3):
            store.time_shift += 1
            sessions.append(start(store))
        store.time_shift += 1
        newest, ended = begin(store, make_new_session(), max_live=2)

        assert {session.id for session in ended} == {sessions[0].id, sessions[1].id}
        assert {session.end_reason for session in ended} == {"too_many_sessions"}
        assert [session.id for session in store.list_live_sessions("alice")] == [
            newest.session.id,
            sessions[2].id,
        ]
        assert [session.id for session in store.list_live_sessions("bob")] == [other.id]
        assert {end.session_id for end in store.poll(None, None, grace=0).ends} == {
            s.id for s in sessions[:2]
        }

    def test_the_only_session_allowed_is_the_new_one(self, store: Store) -> None:
        start(store)
        timed, _ = begin(store, make_new_session(), max_live=1)
        assert [session.id for session in store.list_live_sessions("alice")] == [timed.session.id]

    def test_an_end_of_all_wins_over_each_login_that_began_before_it_and_over_none_after(
        self, store: Store
    ) -> None:
        before, of_another = store.read_mark(), store.read_mark()
        assert list(store.end_sessions("alice", "logout_all")) == []
        assert store.start_session(make_new_session(), TIMES, max_live=1, mark=before) is None
        assert not store.list_live_sessions("alice")
        assert store.start_session(make_new_session("bob"), TIMES, max_live=1, mark=of_another) is not None
        assert begin(store, make_new_session()) is not None
        store.end_sessions("alice", "logout_all", keep=start(store).id)
        assert store.start_session(make_new_session(), TIMES, max_live=9, mark=before) is None
        store.end_session(start(store).id, "logout")
        mark = store.read_mark()
        store.end_session(start(store).id, "logout")
        assert store.start_session(make_new_session(), TIMES, max_live=9, mark=mark) is not None

    def test_a_login_that_takes_too_long_starts_no_session(self, store: Store) -> None:
        mark = store.read_mark()
        store.time_shift += MARK_LIFETIME + 1
        assert store.start_session(make_new_session(), TIMES, max_live=9, mark=mark) is None

    def test_of_a_login_and_an_end_of_all_at_once_no_session_of_an_older_mark_is_left(
        self, store: Store
    ) -> None:
        marks = [store.read_mark() for _ in range(12)]
        with ThreadPoolExecutor(THREADS) as pool:
            logins = [
                pool.submit(store.start_session, make_new_session(), TIMES, max_live=100, mark=mark)
                for mark in marks
            ]
            pool.submit(store.end_sessions, "alice", "logout_all").result()
            for login in logins:
                login.result()
        assert not store.list_live_sessions("alice")

    # -- swapping

    def test_a_swap_moves_generation_times_and_client(self, store: Store) -> None:
        session = start(store)
        store.time_shift += 1_000
        timed = swap(store, session.id, 1)

        assert timed.session.generation == 2
        assert timed.session.refreshed_at == timed.now
        assert timed.session.access_until == math.floor(timed.now) + TIMES.access
        assert timed.session.expires_at == math.floor(timed.now + TIMES.idle)
        assert (timed.session.user_agent, timed.session.ip_address) == ("firefox", "192.0.2.2")
        assert (timed.session.username, timed.session.scopes) == ("Alice B.", ("read",))
        assert (timed.session.created_at, timed.session.authenticated_at) == (session.created_at,) * 2
        assert store.find_session(session.id).session == timed.session

    def test_a_swap_by_a_client_that_tells_nothing_of_itself_leaves_nothing_of_the_one_before(
        self, store: Store
    ) -> None:
        timed = store.swap_session(start(store).id, 1, TIMES, SessionDetails(username="Alice", scopes=()))
        assert (timed.session.user_agent, timed.session.ip_address) == (None, None)
        assert store.find_session(timed.session.id).session == timed.session

    def test_a_swap_binds_a_session_that_is_not_bound_and_rebinds_none(self, store: Store) -> None:
        unbound = begin(store, make_new_session(audience=None, client_id=None, credentials_version=None))[
            0
        ].session
        bound = start(store)
        other = SessionDetails(
            username="A", scopes=(), audience="other", client_id="other", credentials_version=9
        )
        found = [store.swap_session(session.id, 1, TIMES, other).session for session in (unbound, bound)]
        assert [(s.audience, s.client_id, s.credentials_version) for s in found] == [
            ("other", "other", 9),
            ("api", "web", 7),
        ]

    @pytest.mark.parametrize("what", ["shorter times", "a clock that was set back"])
    def test_no_swap_moves_back_until_when_access_tokens_may_last(self, store: Store, what: str) -> None:
        session = start(store)
        times = TIMES
        if what == "shorter times":
            times = SessionTimes(access=60, idle=300, absolute=400, window=30)
        else:
            store.time_shift -= 3_000
        timed = swap(store, session.id, 1, times)
        assert timed.session.access_until == session.access_until
        assert timed.session.expires_at >= session.access_until
        assert store.find_session(session.id).session == timed.session
        assert store.end_session(session.id, "logout").access_until == session.access_until
        [end] = store.poll(None, None, grace=0).ends
        assert end.access_until == session.access_until

    def test_no_swap_passes_the_sessions_absolute_end(self, store: Store) -> None:
        session = start(store)
        store.time_shift += 9_900
        swap(store, session.id, 1)
        store.time_shift += 9_900
        timed = swap(store, session.id, 2)
        assert timed.session.expires_at == math.floor(session.created_at + TIMES.absolute)
        assert timed.session.access_until == timed.session.expires_at
        store.time_shift += 300
        assert swap(store, session.id, 3) is None

    def test_what_a_login_sets_stays_as_it_was_through_every_swap(self, store: Store) -> None:
        claims = {"tenant": "blé", "roles": ["a", {"deep": [None, True, 1.5, 2**60]}], "nul": "\0"}
        set_at_login: dict[str, Any] = {"amr": ("pwd", "otp"), "claims": claims, "lifetime": 15_000}
        session = begin(store, make_new_session(**set_at_login))[0].session
        assert {name: getattr(session, name) for name in set_at_login} == set_at_login
        timed = swap(store, session.id, 1)
        store.time_shift += TIMES.window + 1
        again = swap(store, session.id, 2)
        for found in (
            timed.session,
            again.session,
            store.find_session(session.id).session,
            *store.list_live_sessions("alice"),
            store.end_session(session.id, "logout"),
        ):
            assert {name: getattr(found, name) for name in set_at_login} == set_at_login

    def test_a_login_that_sets_nothing_leaves_the_defaults(self, store: Store) -> None:
        session = start(store)
        for found in (session, swap(store, session.id, 1).session, store.find_session(session.id).session):
            assert (found.amr, found.claims, found.lifetime) == ((), {}, None)

    @pytest.mark.parametrize("lifetime", [1, 15_000, 25_000])
    def test_a_sessions_own_lifetime_takes_the_place_of_the_absolute_one(
        self, store: Store, lifetime: int
    ) -> None:
        session = begin(store, make_new_session(lifetime=lifetime))[0].session
        over = math.floor(session.created_at + lifetime)
        assert session.expires_at == min(over, math.floor(session.created_at + TIMES.idle))
        assert session.access_until == min(over, math.floor(session.created_at) + TIMES.access)
        for generation in range(1, lifetime // 5_000 + 1):
            store.time_shift += 4_990
            timed = swap(store, session.id, generation)
            assert timed.session.expires_at == min(over, math.floor(timed.now + TIMES.idle))
            assert timed.session.access_until == min(over, math.floor(timed.now) + TIMES.access)
        store.time_shift += over + 1 - read_time(store)
        assert swap(store, session.id, 99) is None

    @pytest.mark.parametrize(
        ("generation", "seconds_after_swap", "swaps"),
        [(2, 29, False), (2, 31, True), (1, 31, False), (1, 29, False), (7, 29, False), (7, 31, True)],
    )
    def test_a_swap_needs_the_current_generation_and_a_window_that_has_passed(
        self, store: Store, generation: int, seconds_after_swap: float, swaps: bool
    ) -> None:
        session = start(store)
        swap(store, session.id, 1)
        store.time_shift += seconds_after_swap
        before = store.find_session(session.id).session
        timed = swap(store, session.id, generation)
        assert (timed is not None) == swaps
        after = store.find_session(session.id).session
        assert after.generation == generation + 1 if swaps else after == before

    def test_an_ended_an_expired_and_an_unknown_session_do_not_swap(self, store: Store) -> None:
        ended, expired = start(store), start(store)
        store.end_session(ended.id, "logout")
        assert swap(store, ended.id, 1) is None
        store.time_shift += TIMES.idle
        assert swap(store, expired.id, 1) is None
        assert swap(store, "unknown", 1) is None

    def test_of_many_callers_with_one_generation_exactly_one_swaps(self, store: Store) -> None:
        session = start(store)
        assert sum(timed is not None for timed in run_at_once(lambda: swap(store, session.id, 1))) == 1
        assert store.find_session(session.id).session.generation == 2
