"""Sessions and the feed of their ends."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from watchword.stores.contract import NewSession, Session, SessionTimes, new_session_id
from watchword.testing.store_contract.racing import THREADS, Store, at_once

__all__ = ["SessionStoreContract", "start"]

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)


class SessionStoreContract:
    """What a :class:`~watchword.stores.contract.SessionStore` promises."""

    # -- starting

    def test_a_started_session_has_generation_one_and_times_in_whole_seconds(self, store: Store) -> None:
        new = new_session()
        timed, ended = store.start_session(new, TIMES, max_live=100)
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
        )
        assert store.find_session(new.id).session == session

    def test_an_access_token_never_outlives_its_session(self, store: Store) -> None:
        session = start(store, times=SessionTimes(access=600, idle=300, absolute=200, window=30))
        assert session.expires_at == math.floor(session.created_at + 200)
        assert session.access_until == session.expires_at

    def test_a_session_without_scopes_keeps_none(self, store: Store) -> None:
        timed, _ = store.start_session(new_session(scopes=()), TIMES, max_live=100)
        assert timed.session.scopes == ()

    def test_starting_twice_under_one_id_returns_the_row_that_is_there(self, store: Store) -> None:
        new = new_session()
        first, _ = store.start_session(new, TIMES, max_live=1)
        store.time_shift += 5
        again, ended = store.start_session(new, TIMES, max_live=1)
        assert (again.session, list(ended)) == (first.session, [])
        assert again.now >= first.now + 5

    def test_one_session_too_many_ends_the_subjects_oldest(self, store: Store) -> None:
        other = start(store, "bob")
        sessions = []
        for _ in range(3):
            store.time_shift += 1
            sessions.append(start(store))
        store.time_shift += 1
        newest, ended = store.start_session(new_session(), TIMES, max_live=2)

        assert {session.id for session in ended} == {sessions[0].id, sessions[1].id}
        assert {session.end_reason for session in ended} == {"too_many_sessions"}
        assert [session.id for session in store.live_sessions("alice")] == [newest.session.id, sessions[2].id]
        assert [session.id for session in store.live_sessions("bob")] == [other.id]
        assert {end.session_id for end in store.poll(None, None, grace=0).ends} == {
            s.id for s in sessions[:2]
        }

    def test_the_only_session_allowed_is_the_new_one(self, store: Store) -> None:
        start(store)
        timed, _ = store.start_session(new_session(), TIMES, max_live=1)
        assert [session.id for session in store.live_sessions("alice")] == [timed.session.id]

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
        assert (timed.session.created_at, timed.session.authenticated_at) == (session.created_at,) * 2
        assert store.find_session(session.id).session == timed.session

    def test_a_swap_by_a_client_that_tells_nothing_of_itself_leaves_nothing_of_the_one_before(
        self, store: Store
    ) -> None:
        timed = store.swap_session(start(store).id, 1, TIMES, user_agent=None, ip_address=None)
        assert (timed.session.user_agent, timed.session.ip_address) == (None, None)
        assert store.find_session(timed.session.id).session == timed.session

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
        assert sum(timed is not None for timed in at_once(lambda: swap(store, session.id, 1))) == 1
        assert store.find_session(session.id).session.generation == 2

    # -- finding and listing

    def test_an_unknown_session_is_not_found(self, store: Store) -> None:
        assert store.find_session("unknown") is None

    def test_live_sessions_are_the_subjects_own_newest_first_without_ended_and_expired(
        self, store: Store
    ) -> None:
        start(store, times=SessionTimes(access=1, idle=1, absolute=1, window=1))
        ended = start(store)
        store.end_session(ended.id, "logout")
        start(store, "bob")
        older = start(store)
        store.time_shift += 5
        newer = start(store)
        assert [session.id for session in store.live_sessions("alice")] == [newer.id, older.id]

    # -- ending

    def test_an_end_is_told_once_and_its_first_reason_stays(self, store: Store) -> None:
        session = start(store)
        ended = store.end_session(session.id, "logout")
        assert (ended.end_reason, ended.ended_at) == ("logout", pytest.approx(now(store), abs=5))
        assert store.end_session(session.id, "refresh_reused") is None
        assert store.find_session(session.id).session == ended

    def test_ending_an_unknown_session_ends_nothing(self, store: Store) -> None:
        assert store.end_session("unknown", "logout") is None

    def test_ending_all_spares_the_one_kept_and_other_subjects(self, store: Store) -> None:
        kept, first, second = start(store), start(store), start(store)
        other = start(store, "bob")
        store.end_session(first.id, "logout")
        assert [s.id for s in store.end_sessions("alice", "password_changed", keep=kept.id)] == [second.id]
        assert [session.id for session in store.live_sessions("alice")] == [kept.id]
        assert [s.id for s in store.end_sessions("alice", "logout_all")] == [kept.id]
        assert [session.id for session in store.live_sessions("bob")] == [other.id]

    def test_an_expired_session_can_be_ended_for_the_leeway_of_its_last_token(self, store: Store) -> None:
        one, other = (
            start(store, times=SessionTimes(access=10, idle=10, absolute=10, window=1)) for _ in "12"
        )
        store.time_shift += 20
        assert store.end_session(one.id, "logout").id == one.id
        assert [session.id for session in store.end_sessions("alice", "logout_all")] == [other.id]

    def test_of_many_callers_exactly_one_ends_a_session(self, store: Store) -> None:
        session = start(store)
        ended = at_once(lambda: store.end_session(session.id, "logout"))
        assert sum(row is not None for row in ended) == 1

    # -- the feed

    def test_a_poll_tells_what_ended_since_the_last_one(self, store: Store) -> None:
        first, second = start(store), start(store)
        feed = store.poll(None, None, grace=30)
        assert feed.ends == ()
        store.end_session(first.id, "logout")
        feed = store.poll(feed.identity, feed.position, grace=30)
        assert [(end.session_id, end.access_until) for end in feed.ends] == [(first.id, first.access_until)]
        store.end_sessions("alice", "logout_all")
        feed = store.poll(feed.identity, feed.position, grace=30)
        told = {end.session_id for end in feed.ends}
        assert {second.id} <= told <= {first.id, second.id}, "what was told may be told again"
        assert feed.now == pytest.approx(now(store), abs=5)

    @pytest.mark.parametrize("stranger", ["nothing known", "another identity", "a position not reached"])
    def test_a_poll_from_nowhere_tells_every_end_still_in_force(self, store: Store, stranger: str) -> None:
        over, in_force = (
            start(store, times=SessionTimes(access=10, idle=10, absolute=10, window=1)),
            start(store),
        )
        for session in (over, in_force):
            store.end_session(session.id, "logout")
        known = store.poll(None, None, grace=30)
        assert {end.session_id for end in known.ends} == {over.id, in_force.id}

        store.time_shift += 45
        identity, position = {
            "nothing known": (None, None),
            "another identity": ("another", known.position),
            "a position not reached": (known.identity, known.position + 1),
        }[stranger]
        assert {end.session_id for end in store.poll(identity, position, grace=30).ends} == {in_force.id}

    def test_ends_of_racing_writers_all_reach_one_who_polls_meanwhile(self, store: Store) -> None:
        sessions = [start(store) for _ in range(24)]
        heard: set[str] = set()
        feed = store.poll(None, None, grace=30)
        with ThreadPoolExecutor(THREADS) as pool:
            writers = [pool.submit(store.end_session, session.id, "logout") for session in sessions]
            while not all(writer.done() for writer in writers):
                feed = store.poll(feed.identity, feed.position, grace=30)
                heard.update(end.session_id for end in feed.ends)
        heard.update(end.session_id for end in store.poll(feed.identity, feed.position, grace=30).ends)
        assert heard == {session.id for session in sessions}


def now(store: Store) -> Any:
    """A session store's time."""
    return store.poll(None, None, grace=0).now


def new_session(subject: str = "alice", **changes: Any) -> NewSession:
    fields = {
        "id": new_session_id(subject),
        "subject": subject,
        "username": "Alice",
        "scopes": ("read", "write"),
        "user_agent": "curl/8",
        "ip_address": "192.0.2.1",
    }
    return NewSession(**fields | changes)


def start(store: Store, subject: str = "alice", times: SessionTimes = TIMES) -> Any:
    """A new session."""
    timed, _ = store.start_session(new_session(subject), times, max_live=100)
    return timed.session


def swap(store: Store, session_id: str, generation: int, times: SessionTimes = TIMES) -> Any:
    return store.swap_session(session_id, generation, times, user_agent="firefox", ip_address="192.0.2.2")
