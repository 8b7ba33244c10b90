"""Conformance tests for finding and ending sessions, and for the feed of their ends."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from watchword.stores.contract import END_NOTICE, SessionTimes, make_session_id
from watchword.testing.store_contract.racing import THREADS, Store, run_at_once
from watchword.testing.store_contract.session_calls import (
    TIMES,
    begin,
    make_new_session,
    read_time,
    start,
    swap,
)

__all__ = ["SessionEndsContract"]


class SessionEndsContract:
    """The promises of a :class:`~watchword.stores.contract.SessionStore` about sessions that end."""

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
        assert [session.id for session in store.list_live_sessions("alice")] == [newer.id, older.id]

    # -- ending

    def test_an_end_is_told_once_and_its_first_reason_stays(self, store: Store) -> None:
        session = start(store)
        ended = store.end_session(session.id, "logout")
        assert (ended.end_reason, ended.ended_at) == ("logout", pytest.approx(read_time(store), abs=5))
        assert store.end_session(session.id, "refresh_reused") is None
        assert store.find_session(session.id).session == ended

    def test_ending_an_unknown_session_ends_nothing(self, store: Store) -> None:
        assert store.end_session("unknown", "logout") is None

    def test_ending_all_spares_the_one_kept_and_other_subjects(self, store: Store) -> None:
        kept, first, second = start(store), start(store), start(store)
        other = start(store, "bob")
        store.end_session(first.id, "logout")
        assert [s.id for s in store.end_sessions("alice", "password_changed", keep=kept.id)] == [second.id]
        assert [session.id for session in store.list_live_sessions("alice")] == [kept.id]
        assert [s.id for s in store.end_sessions("alice", "logout_all")] == [kept.id]
        assert [session.id for session in store.list_live_sessions("bob")] == [other.id]

    def test_a_kept_session_gets_the_newer_version_and_no_older_one(self, store: Store) -> None:
        session, ended = start(store), start(store)
        store.end_session(ended.id, "logout")
        kept = [store.keep_session(session.id, "alice", version) for version in (9, 8)]
        assert kept == [True, True]
        assert store.find_session(session.id).session.credentials_version == 9
        unbound = begin(store, make_new_session(credentials_version=None))[0].session
        assert store.keep_session(unbound.id, "alice", 2)
        assert store.find_session(unbound.id).session.credentials_version == 2
        assert not store.keep_session(session.id, "bob", 10)
        assert not store.keep_session(ended.id, "alice", 10)
        assert not store.keep_session("unknown", "alice", 10)
        store.time_shift += TIMES.idle
        assert not store.keep_session(session.id, "alice", 10)

    def test_a_version_is_replaced_in_the_live_sessions_that_have_it(self, store: Store) -> None:
        versions = {"outdated": 7, "current": 8, "without": None, "ended": 7}
        sessions = {
            name: begin(store, make_new_session(credentials_version=version))[0].session
            for name, version in versions.items()
        }
        bobs = begin(store, make_new_session("bob", credentials_version=7))[0].session
        store.end_session(sessions["ended"].id, "logout")
        store.replace_version("alice", 7, 2)
        found = {
            name: store.find_session(each.id).session.credentials_version for name, each in sessions.items()
        }
        assert found == {"outdated": 2, "current": 8, "without": None, "ended": 7}
        assert store.find_session(bobs.id).session.credentials_version == 7
        store.time_shift += TIMES.idle
        store.replace_version("alice", 8, 9)
        assert store.find_session(sessions["current"].id).session.credentials_version == 8

    def test_the_end_of_a_forgotten_session_is_told_once_and_starts_nothing(self, store: Store) -> None:
        forgotten, until = make_session_id("alice"), float(math.floor(read_time(store)) + 500)
        feed = store.poll(None, None, grace=30)
        for _ in range(2):
            store.record_end(forgotten, "logout", until)
        told = store.poll(feed.identity, feed.position, grace=30).ends
        assert [(end.session_id, end.access_until) for end in told] == [(forgotten, until)]
        assert not store.list_live_sessions("alice")
        assert swap(store, forgotten, 1) is None
        store.time_shift += 540
        assert store.poll(None, None, grace=30).ends == ()

    def test_recording_the_end_of_a_session_that_is_there_ends_it(self, store: Store) -> None:
        session = start(store)
        store.record_end(session.id, "logout", session.access_until + 50)
        ended = store.find_session(session.id).session
        assert (ended.end_reason, ended.access_until) == ("logout", session.access_until + 50)
        [end] = store.poll(None, None, grace=0).ends
        assert (end.session_id, end.access_until) == (session.id, session.access_until + 50)

    def test_an_expired_session_can_be_ended_for_the_leeway_of_its_last_token(self, store: Store) -> None:
        one, other = (
            start(store, times=SessionTimes(access=10, idle=10, absolute=10, window=1)) for _ in "12"
        )
        store.time_shift += 20
        assert store.end_session(one.id, "logout").id == one.id
        assert [session.id for session in store.end_sessions("alice", "logout_all")] == [other.id]

    def test_of_many_callers_exactly_one_ends_a_session(self, store: Store) -> None:
        session = start(store)
        ended = run_at_once(lambda: store.end_session(session.id, "logout"))
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
        assert feed.now == pytest.approx(read_time(store), abs=5)

    @pytest.mark.parametrize("ends_all", [False, True])
    def test_an_end_is_told_though_the_last_access_token_has_long_expired(
        self, store: Store, ends_all: bool
    ) -> None:
        session = start(store)
        store.time_shift += TIMES.access + 5_000
        known = store.poll(None, None, grace=0)
        earliest = math.floor(read_time(store)) + END_NOTICE
        if ends_all:
            [ended] = store.end_sessions("alice", "logout_all")
        else:
            ended = store.end_session(session.id, "logout")
        assert ended.access_until >= earliest
        assert store.find_session(session.id).session == ended
        store.time_shift += END_NOTICE - 5
        for feed in (store.poll(known.identity, known.position, grace=0), store.poll(None, None, grace=0)):
            [end] = feed.ends
            assert (end.session_id, end.access_until) == (session.id, ended.access_until)

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

        store.time_shift += END_NOTICE + 35
        identity, position = {
            "nothing known": (None, None),
            "another identity": ("another", known.position),
            "a position not reached": (known.identity, known.position + 1),
        }[stranger]
        assert {end.session_id for end in store.poll(identity, position, grace=30).ends} == {in_force.id}

    def test_settings_are_recorded_only_in_place_of_what_was_expected_and_come_with_each_poll(
        self, store: Store
    ) -> None:
        assert store.poll(None, None, grace=0).settings == ""
        assert store.record_settings("one", expected="")
        assert store.record_settings("one", expected=""), "a repeat is told that it was done"
        assert not store.record_settings("other", expected="")
        assert store.poll(None, None, grace=0).settings == "one"
        assert store.record_settings("other", expected="one")
        assert store.poll(None, None, grace=0).settings == "other"

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
