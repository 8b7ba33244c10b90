from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hard_forks import answer_of_child

from watchword import Auth
from watchword.errors import RevocationsUnavailable, SessionEnded, StoreUnavailable
from watchword.sessions import revocations as module
from watchword.sessions.revocations import FeedStatus, Revocations
from watchword.stores import open_sql_stores
from watchword.stores.contract import Feed, NewSession, Session, SessionEnd, SessionTimes
from watchword.stores.sql.keys import SqlKeys
from watchword.stores.sql.sessions import SqlSessions

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)
GRACE = 60
ids = itertools.count()


class Clock:
    """A monotonic clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class FaultyStore(SqlSessions):
    """A real store that can be cut off, or held up in the middle of a poll."""

    away = False
    polls = 0
    during_poll: Callable[[], object] = staticmethod(lambda: None)

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        self.polls += 1
        if self.away:
            raise StoreUnavailable
        feed = super().poll(identity, position, grace=grace)
        self.during_poll()
        return feed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Iterator[FaultyStore]:
    stores = open_sql_stores("sqlite://")
    yield FaultyStore(stores.backends[0])
    stores.close()


@pytest.fixture
def make(store: FaultyStore, clock: Clock) -> Iterator[Callable[..., Revocations]]:
    made = []

    def making(**changes: Any) -> Revocations:
        arguments = {"interval": 60.0, "max_age": 100.0, "grace": GRACE, "monotonic": clock} | changes
        made.append(Revocations(store, **arguments))
        return made[-1]

    yield making
    for revocations in made:
        revocations.close()


@pytest.fixture
def revocations(make: Callable[..., Revocations]) -> Revocations:
    return make()


def start(store: SqlSessions) -> Session:
    new = NewSession(
        id=f"s{next(ids)}", subject="alice", username="", scopes=(), user_agent=None, ip_address=None
    )
    return store.start_session(new, TIMES, max_live=100, mark=store.read_mark())[0].session


def end(store: SqlSessions) -> Session:
    session = start(store)
    store.end_session(session.id, "logout")
    return session


# -- what is known -------------------------------------------------------------------------------


def test_an_end_made_elsewhere_is_known_after_the_next_poll(
    store: FaultyStore, revocations: Revocations
) -> None:
    before, live = end(store), start(store)
    revocations.poll()
    assert revocations.ended(before.id)
    assert not revocations.ended(live.id)
    store.end_session(live.id, "logout")
    revocations.poll()
    assert revocations.ended(before.id)
    assert revocations.ended(live.id)


def test_an_end_made_here_is_known_at_once(revocations: Revocations) -> None:
    revocations.add([SessionEnd("s", 5_000_000_000.0)])
    assert revocations.ended("s")


def test_an_end_made_here_while_a_poll_is_under_way_is_not_lost(
    store: FaultyStore, revocations: Revocations
) -> None:
    session = start(store)
    store.during_poll = lambda: revocations.add([SessionEnd(session.id, session.access_until)])
    revocations.poll()
    assert revocations.ended(session.id)


def test_an_end_is_forgotten_when_no_token_can_need_it(store: FaultyStore, revocations: Revocations) -> None:
    session = end(store)
    revocations.poll()
    store.time_shift = TIMES.access + GRACE - 5
    revocations.poll()
    assert revocations.ended(session.id)
    store.time_shift = TIMES.access + GRACE + 15  # it may take ten seconds
    revocations.poll()
    assert not revocations.ended(session.id)


def test_an_end_stays_known_when_the_store_was_replaced_by_one_that_has_it_not(
    store: FaultyStore, revocations: Revocations
) -> None:
    session = end(store)
    revocations.poll()
    other = open_sql_stores("sqlite://")
    also = end(other.sessions)
    revocations._store = other.sessions
    revocations.poll()
    assert revocations.ended(session.id)
    assert revocations.ended(also.id)
    other.close()


def test_an_end_that_was_forgotten_comes_back_when_the_stores_clock_is_set_back(
    store: FaultyStore, revocations: Revocations
) -> None:
    ended = end(store)
    store.time_shift += 700  # more than an access token lasts, and less than the store keeps its row
    revocations.poll()
    assert not revocations.ended(ended.id)
    store.time_shift -= 700
    revocations.poll()
    assert revocations.ended(ended.id)
    polls = store.polls
    revocations.poll()
    assert store.polls == polls + 1


def test_the_look_up_that_somebody_holds_sees_later_ends(
    store: FaultyStore, revocations: Revocations
) -> None:
    ended = revocations.ended
    session = end(store)
    revocations.poll()
    assert ended(session.id)


# -- time and keys -------------------------------------------------------------------------------


def test_now_is_the_stores_time_carried_forward(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    store.time_shift = 86_400
    revocations.poll()
    assert revocations.now() == pytest.approx(store._database.now(), abs=5)
    clock.now += 50
    assert revocations.now() == pytest.approx(store._database.now() + 50, abs=5)


def test_the_version_of_the_keys_is_told_after_each_poll(
    store: FaultyStore, make: Callable[..., Revocations]
) -> None:
    versions: list[int] = []
    revocations = make(on_key_version=versions.append)
    for epoch in (1, 2):
        revocations.poll()
        SqlKeys(store._database).insert_key(
            "public", epoch, f"kid {epoch}", "EdDSA", "sealed", not_before=0, lead=0
        )
    assert versions == [0, 1]
    revocations.poll()
    assert versions == [0, 1, 2]


def test_a_change_of_keys_that_could_not_be_followed_is_no_news_and_is_told_again(
    store: FaultyStore, make: Callable[..., Revocations], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []

    def follow(version: int) -> None:
        told.append(version)
        if len(told) == 1:
            raise ZeroDivisionError

    revocations = make(on_key_version=follow)
    with pytest.raises(StoreUnavailable):
        revocations.ensure_fresh()
    assert "ZeroDivisionError" in caplog.text
    revocations.poll()
    assert told == [0, 0]
    assert revocations.is_ready()


# -- age -----------------------------------------------------------------------------------------


def test_a_young_set_needs_no_io(store: FaultyStore, revocations: Revocations, clock: Clock) -> None:
    assert not revocations.is_ready()
    revocations.ensure_fresh()
    clock.now += 60
    assert revocations.is_ready()
    assert revocations.measure_staleness() == 60
    revocations.ensure_fresh()
    assert store.polls == 1


def test_where_the_thread_is_late_a_request_polls_and_waits_for_a_moment_only(
    store: FaultyStore, revocations: Revocations, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHORT_PATIENCE", 0.01)
    revocations.ensure_fresh()
    session = end(store)
    clock.now += 61
    assert not revocations.is_ready()
    with revocations._polls.obtain().polling:  # the thread has asked, and the store is slow
        revocations.ensure_fresh()
        assert revocations.is_ready(), "the others need not wait"
    assert store.polls == 1
    clock.now += module.SPARED + 0.1
    revocations.ensure_fresh()
    assert store.polls == 2
    assert revocations.ended(session.id)


def test_what_is_young_is_trusted_while_the_store_is_away(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    revocations.ensure_fresh()
    store.away = True
    for seconds in (61, 20, 19):  # the first request tries, the others know that it is in vain
        clock.now += seconds
        revocations.ensure_fresh()
        assert store.polls == 2
    clock.now += 1
    with pytest.raises(StoreUnavailable):
        revocations.ensure_fresh()


def test_too_old_a_set_is_polled_by_the_caller(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    revocations.ensure_fresh()
    session = end(store)
    clock.now += 100.1
    assert not revocations.is_ready()
    revocations.ensure_fresh()
    assert revocations.ended(session.id)
    assert revocations.measure_staleness() == 0


def test_age_counts_from_when_the_poll_was_sent(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    def frozen() -> None:
        clock.now += 3_600

    store.during_poll = frozen
    revocations.poll()
    assert revocations.measure_staleness() == 3_600
    assert not revocations.is_ready()


def test_a_stale_set_with_the_store_away_refuses_until_it_is_back(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    store.away = True
    with pytest.raises(StoreUnavailable):
        revocations.ensure_fresh()
    store.away = False
    clock.now += 1_000
    revocations.ensure_fresh()


def test_a_stale_set_can_be_accepted(
    store: FaultyStore, make: Callable[..., Revocations], clock: Clock
) -> None:
    revocations = make(when_stale="accept")
    session = end(store)
    revocations.ensure_fresh()
    store.away = True
    clock.now += 1_000
    revocations.ensure_fresh()
    assert revocations.ended(session.id)
    assert not revocations.is_ready()


def test_after_a_failure_nobody_asks_again_until_the_next_try_is_due(
    store: FaultyStore, make: Callable[..., Revocations], clock: Clock
) -> None:
    revocations = make(interval=1.0)
    store.away = True
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            revocations.ensure_fresh()
    assert store.polls == 1
    clock.now += 2.1
    with pytest.raises(StoreUnavailable):
        revocations.ensure_fresh()
    assert store.polls == 2


def test_pauses_double_during_an_outage_up_to_a_bound_and_end_with_it(
    store: FaultyStore, make: Callable[..., Revocations], caplog: pytest.LogCaptureFixture
) -> None:
    revocations = make(interval=1.0)
    caplog.set_level(logging.INFO, "watchword.revocations")
    store.away = True
    pauses = []
    for _ in range(5):
        pauses.append(revocations._choose_pause(revocations._polls.obtain()))
        revocations._try_poll(revocations._polls.obtain())
    assert pauses == [1, 2, 4, 5, 5]
    store.away = False
    revocations._try_poll(revocations._polls.obtain())
    assert revocations._choose_pause(revocations._polls.obtain()) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]  # once for the outage


def test_the_status_tells_age_duration_failure_and_number(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    before = revocations.read_status()
    assert (before.staleness, before.poll_seconds, before.failing, before.known_ends) == (
        float("inf"), None, False, 0,
    )  # fmt: skip
    end(store), end(store)

    def slow() -> None:
        clock.now += 3

    store.during_poll = slow
    revocations.poll()
    clock.now += 10
    assert revocations.read_status() == FeedStatus(staleness=13, poll_seconds=3, failing=False, known_ends=2)
    store.away = True
    revocations._try_poll(revocations._polls.obtain())
    assert revocations.read_status().failing


def test_a_check_polls_in_a_fresh_process_and_not_again(store: FaultyStore, revocations: Revocations) -> None:
    revocations.check()
    revocations.check()
    assert store.polls == 1


def test_a_check_says_whether_polls_fail_or_what_is_known_is_too_old_and_recovers(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    revocations.check()
    store.away = True
    revocations._try_poll(revocations._polls.obtain())
    with pytest.raises(RevocationsUnavailable, match="fail"):
        revocations.check()
    clock.now += 101
    with pytest.raises(RevocationsUnavailable, match="too old"):
        revocations.check()
    store.away = False
    clock.now += 1_000
    revocations.check()


def test_a_check_fails_too_where_stale_sets_are_accepted(
    store: FaultyStore, make: Callable[..., Revocations]
) -> None:
    store.away = True
    with pytest.raises(RevocationsUnavailable):
        make(when_stale="accept").check()


# -- threads and processes -----------------------------------------------------------------------


def test_of_many_callers_one_polls_and_the_others_wait_for_it(
    store: FaultyStore, revocations: Revocations
) -> None:
    all_here = threading.Event()
    store.during_poll = lambda: all_here.wait(10)
    callers = [threading.Thread(target=revocations.ensure_fresh) for _ in range(5)]
    for caller in callers:
        caller.start()
    all_here.set()
    for caller in callers:
        caller.join()
    assert store.polls == 1


def test_a_caller_does_not_wait_for_ever_for_anothers_poll(
    revocations: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with revocations._polls.obtain().polling, pytest.raises(StoreUnavailable):
        revocations.ensure_fresh()


def test_a_caller_who_waited_finds_the_set_fresh_and_does_not_poll(
    store: FaultyStore, revocations: Revocations
) -> None:
    revocations.poll()
    revocations._catch_up(revocations._polls.obtain())
    assert store.polls == 1


def test_the_thread_polls_by_itself_survives_failures_and_stops(
    store: FaultyStore, make: Callable[..., Revocations], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)
    revocations = make(interval=0.01)
    revocations.ensure_fresh()
    thread = revocations._thread._runs.obtain().thread
    failed, heard = threading.Event(), threading.Event()

    def fail() -> None:
        failed.set()
        raise ZeroDivisionError

    store.during_poll = fail
    assert failed.wait(10)
    store.during_poll = heard.set
    assert heard.wait(10)
    revocations.close()
    assert thread is not None
    assert not thread.is_alive()


def test_the_thread_works_in_the_background_of_its_polls_and_survives_that_too(
    store: FaultyStore, make: Callable[..., Revocations], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    outcomes: list[Exception | None] = [
        None,
        ZeroDivisionError(),
        ZeroDivisionError(),
        None,
        StoreUnavailable(),
    ]
    callers, done = [], threading.Event()

    def work() -> None:
        callers.append(threading.current_thread())
        assert not revocations._polls.obtain().polling.locked(), "no request waits for it"
        outcome = outcomes[len(callers) - 1] if len(callers) <= len(outcomes) else None
        if len(callers) > len(outcomes):
            done.set()
        if outcome is not None:
            raise outcome

    revocations = make(interval=0.001, in_background=work)
    revocations.ensure_fresh()
    assert done.wait(10)
    revocations.close()
    assert threading.current_thread() not in callers, "not even the request that polled"
    warnings = [record for record in caplog.records if "background work" in record.getMessage()]
    assert len(warnings) == 2, "once in a row"
    assert [bool(record.exc_info) for record in warnings] == [True, False]


def test_nothing_is_done_in_the_background_of_a_poll_that_failed(
    store: FaultyStore, make: Callable[..., Revocations]
) -> None:
    worked: list[bool] = []
    revocations = make(interval=0.001, in_background=lambda: worked.append(store.away))
    revocations.ensure_fresh()
    store.away, before = True, store.polls
    while store.polls < before + 3:
        threading.Event().wait(0.01)
    revocations.close()
    assert worked.count(True) <= 1, "it may have been on its way"


def test_a_thread_that_died_is_replaced_by_the_next_caller_who_notices(
    revocations: Revocations, clock: Clock
) -> None:
    revocations.ensure_fresh()
    run = revocations._thread._runs.obtain()
    first = run.thread
    clock.now += 1_000
    revocations.ensure_fresh()
    assert run.thread is first
    run.stopping.set()
    assert first is not None
    first.join()
    run.stopping = threading.Event()
    clock.now += 1_000
    revocations.ensure_fresh()
    assert run.thread is not first


def test_a_forked_child_has_locks_and_thread_of_its_own_and_asks_for_everything(tmp_path: Path) -> None:
    stores = open_sql_stores(f"sqlite:///{tmp_path}/app.db")
    store = FaultyStore(stores.backends[0])
    elapsed = Clock()
    revocations = Revocations(store, interval=0.1, max_age=1_000, grace=GRACE, monotonic=elapsed)
    here, elsewhere = start(store), start(store)
    revocations.ensure_fresh()
    revocations.add([SessionEnd(here.id, here.access_until)])

    def work() -> list[bool]:
        before = [revocations.is_ready(), revocations.measure_staleness() > 1_000, revocations.ended(here.id)]
        store.end_session(elsewhere.id, "logout")
        elapsed.now += module.SPARED + 0.1
        revocations.ensure_fresh()
        return [*before, revocations.ended(elsewhere.id), revocations._thread.is_running()]

    with revocations._polls.obtain().polling, revocations._polls.obtain().changing:
        assert answer_of_child(work) == [False, True, True, True, True]
    revocations.close()
    stores.close()


def test_a_child_that_was_forked_without_hooks_refuses_an_ended_session_within_a_second(
    tmp_path: Path,
) -> None:
    auth = Auth(f"sqlite:///{tmp_path}/app.db")
    tokens = auth.start("alice")
    auth.authenticate(tokens.access_token)

    def seconds_until_refused() -> float:
        began = time.monotonic()
        with suppress(SessionEnded):
            while time.monotonic() < began + 10:
                auth.authenticate(tokens.access_token)
        return time.monotonic() - began

    inlet, outlet = os.pipe()

    def work() -> float:
        auth.authenticate(tokens.access_token)  # by what the parent knew
        os.read(inlet, 1)
        return seconds_until_refused()

    threading.Timer(0.05, lambda: (auth.end(tokens.session_id), os.write(outlet, b"."))).start()
    assert answer_of_child(work) < 1.5
    auth.close()


def test_where_no_thread_can_be_started_the_callers_poll(
    store: FaultyStore,
    revocations: Revocations,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def start_none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_none)
        for _ in range(3):
            session = end(store)
            revocations.ensure_fresh()
            assert revocations.ended(session.id)
            clock.now += 100.1
    assert store.polls == 3
    assert "can't start new thread" in caplog.text
    revocations.ensure_fresh()
    assert revocations._thread.is_running(), "it is tried again"


def test_where_threads_are_started_and_never_run_the_callers_poll(
    store: FaultyStore, revocations: Revocations, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uWSGI without --enable-threads: they wait for the GIL for as long as no request is served."""
    monkeypatch.setattr(revocations._thread, "_plan_rest", lambda _: lambda stopping: stopping.wait())
    for _ in range(3):
        session = end(store)
        clock.now += 100.1
        revocations.ensure_fresh()
        assert revocations.ended(session.id)
    assert store.polls == 3


def test_on_an_event_loop_nothing_is_asked_of_the_store_by_who_asks_before(
    store: FaultyStore, revocations: Revocations, clock: Clock
) -> None:
    pollers: list[threading.Thread] = []
    store.during_poll = lambda: pollers.append(threading.current_thread())

    async def guard() -> None:
        if revocations.is_ready():
            revocations.ensure_fresh()
        else:
            await asyncio.to_thread(revocations.ensure_fresh)

    async def serve() -> None:
        for _ in range(3):
            await asyncio.gather(*(guard() for _ in range(10)))
            clock.now += 100.1

    asyncio.run(serve())
    assert len(pollers) == 3, "one for all that wait"
    assert threading.current_thread() not in pollers
