from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from watchword.sessions.rotation import RefreshDecision, decide_refresh, rotate
from watchword.stores.contract import Session, SessionDetails, SessionTimes
from watchword.stores.sql import schema
from watchword.stores.sql.sessions import SqlSessions
from watchword.stores.sql.sqlite import SqliteDatabase

WINDOW = 30
DETAILS = SessionDetails(username="A", scopes=())


def session(**changes: object) -> Session:
    row = Session(
        id="s1",
        subject="alice",
        username="Alice",
        scopes=(),
        generation=5,
        created_at=0.0,
        authenticated_at=0.0,
        refreshed_at=1_000.0,
        access_until=1_600.0,
        expires_at=10_000.0,
    )
    return msgspec.structs.replace(row, **changes)


@pytest.mark.parametrize(
    ("generation", "now", "expected"),
    [
        (5, 1_000, RefreshDecision.REPLAY),
        (5, 1_029.9, RefreshDecision.REPLAY),
        (5, 1_030, RefreshDecision.ROTATE),
        (4, 1_029.9, RefreshDecision.REPLAY),
        (4, 1_030, RefreshDecision.REUSE),
        (3, 1_000, RefreshDecision.REUSE),
        (3, 1_030, RefreshDecision.REUSE),
        (6, 1_000, RefreshDecision.REPLAY),  # a rolled-back store forgot a swap
        (6, 1_030, RefreshDecision.ROTATE),
        (4, 990, RefreshDecision.REPLAY),  # the store's clock was set back
        (5, 9_999.9, RefreshDecision.ROTATE),
        (5, 10_000, RefreshDecision.ENDED),
        (1, 10_000, RefreshDecision.ENDED),
    ],
)
def test_a_token_is_judged_by_its_generation_and_the_time_since_the_last_swap(
    generation: int, now: float, expected: RefreshDecision
) -> None:
    assert decide_refresh(session(), generation, now=now, window=WINDOW) is expected


@pytest.mark.parametrize(
    ("generation", "expected"),
    [(1, RefreshDecision.ROTATE), (2, RefreshDecision.ROTATE), (0, RefreshDecision.REUSE)],
)
def test_the_first_refresh_needs_no_window(generation: int, expected: RefreshDecision) -> None:
    row = session(generation=1, refreshed_at=None)
    assert decide_refresh(row, generation, now=0, window=WINDOW) is expected


@pytest.mark.parametrize("generation", [1, 4, 5, 6])
def test_an_ended_session_answers_nobody(generation: int) -> None:
    row = session(ended_at=1_010.0)
    assert decide_refresh(row, generation, now=1_020, window=WINDOW) is RefreshDecision.ENDED


# a schedule: seconds that pass, and which of the generations so far is presented then (0 is the newest)
schedules = st.lists(
    st.tuples(st.one_of(st.integers(0, 70), st.sampled_from([29.999, 30.0, 30.001])), st.integers(0, 3)),
    max_size=40,
)


@given(schedules)
def test_a_generation_is_good_until_the_window_after_the_swap_that_replaced_it(
    schedule: list[tuple[float, int]],
) -> None:
    """Tabs, retries and thieves differ in nothing but when they present which generation."""
    row, now = session(generation=1, refreshed_at=None, expires_at=float("inf")), 0.0
    replaced_at: dict[int, float] = {}
    for seconds, age in schedule:
        now += seconds
        generation = max(1, row.generation - age)
        decision = decide_refresh(row, generation, now=now, window=WINDOW)

        good = generation == row.generation or replaced_at[generation] > now - WINDOW
        assert decision in (
            {RefreshDecision.ROTATE, RefreshDecision.REPLAY} if good else {RefreshDecision.REUSE}
        )
        rotating = [g for g in range(1, row.generation + 1) if _rotates(row, g, now)]
        assert rotating in ([], [row.generation])  # at most one generation lives on
        if decision is RefreshDecision.REUSE:
            return
        if decision is RefreshDecision.ROTATE:
            replaced_at[row.generation] = now
            row = msgspec.structs.replace(row, generation=row.generation + 1, refreshed_at=now)


def _rotates(row: Session, generation: int, now: float) -> bool:
    return decide_refresh(row, generation, now=now, window=WINDOW) is RefreshDecision.ROTATE


@pytest.fixture(scope="module")
def store() -> Iterator[SqlSessions]:
    database = StoppedClock(None)
    database.upgrade()
    yield SqlSessions(database)
    database.close()


class StoppedClock(SqliteDatabase):
    """A database in memory whose time a test decides."""

    now_is = 0.0

    def read_clock(self, connection: Connection, lock: str | None = None) -> float:
        return self.now_is


near = st.one_of(
    st.sampled_from([-0.001, 0.0, 0.001]), st.floats(-100, 100, allow_nan=False), st.integers(-100, 100)
)


@settings(max_examples=200)
@given(
    generation=st.integers(1, 6),
    good_for=st.integers(-1_000, 2_000),
    since_swap=st.none() | near.map(lambda seconds: WINDOW + seconds),
    until_end=near,
    ended=st.booleans(),
    now=st.floats(1.6e9, 2e9),
    lifetime=st.none() | st.integers(1, 20_000),
)
def test_the_store_swaps_exactly_where_the_decision_is_to_rotate_and_to_the_row_that_was_foreseen(
    store: SqlSessions,
    generation: int,
    good_for: int,
    since_swap: float | None,
    until_end: float,
    ended: bool,
    now: float,
    lifetime: int | None,
) -> None:
    row = session(
        generation=4,
        refreshed_at=None if since_swap is None else now - since_swap,
        created_at=now - 500,
        access_until=float(math.floor(now) + good_for),
        expires_at=now + until_end,
        ended_at=now if ended else None,
        lifetime=lifetime,
    )
    times = SessionTimes(access=600, idle=1_000, absolute=10_000, window=WINDOW)
    with store._database.begin_write() as connection:
        connection.execute(delete(schema.sessions))
        connection.execute(insert(schema.sessions).values(**msgspec.structs.asdict(row), keep_until=now))
    store._database.now_is = now
    swapped = store.swap_session(row.id, generation, times, DETAILS)
    rotates = decide_refresh(row, generation, now=now, window=WINDOW) is RefreshDecision.ROTATE
    assert (swapped is not None) == rotates
    if swapped is not None:
        expected = rotate(row, generation, times, now=now)
        assert swapped.session == msgspec.structs.replace(expected, username="A")
