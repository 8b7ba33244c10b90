import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.providers.freshness import (
    COOL_DOWN,
    NO_FETCH,
    STALE_LIMIT,
    FetchHistory,
    SearchDecision,
    decide_search,
    read_lifetime,
    record_failure,
    record_success,
)

ANSWER, FETCH, UNAVAILABLE = SearchDecision.ANSWER, SearchDecision.FETCH, SearchDecision.UNAVAILABLE
NOW = 1_000_000.0
FRESH = FetchHistory(fetched_at=NOW, fresh_until=NOW + 300, refresh_at=NOW + 240)
ASKED = FRESH._replace(asked_at=NOW)
FAILING = FRESH._replace(failures=1, retry_at=NOW + 400)
AWAY = NO_FETCH._replace(failures=1, retry_at=NOW + 1)


@pytest.mark.parametrize(
    ("history", "after", "found", "expected"),
    [
        (NO_FETCH, 0, False, FETCH),
        (AWAY, 0.9, False, UNAVAILABLE),
        (AWAY, 1, False, FETCH),
        (FRESH, 0, True, ANSWER),
        (FRESH, 299, True, ANSWER),
        (FRESH, 300, True, FETCH),  # nobody has refreshed ahead: the process was asleep
        (FAILING, 300, True, ANSWER),
        (FAILING, STALE_LIMIT, True, ANSWER),
        (FAILING, STALE_LIMIT + 1, True, FETCH),
        (FAILING._replace(retry_at=NOW + 2 * STALE_LIMIT), STALE_LIMIT + 1, True, UNAVAILABLE),
        (FRESH, 0, False, FETCH),
        (ASKED, COOL_DOWN - 1, False, ANSWER),
        (ASKED, COOL_DOWN, False, FETCH),
        (FAILING, 399, False, UNAVAILABLE),
        (FAILING, 4_000, False, UNAVAILABLE),  # whoever refreshes goes on trying; a caller does not wait
    ],
)
def test_the_decision(history, after, found, expected):
    assert decide_search(history, NOW + after, found=found) is expected


def test_a_success_is_refreshed_before_it_is_stale_and_not_by_all_at_once():
    early, late = (record_success(AWAY, NOW, 1_000, chance, asked=False) for chance in (0, 1))
    assert (early.refresh_at, late.refresh_at) == (NOW + 700, NOW + 900)
    assert early.fresh_until == NOW + 1_000
    assert (early.failures, early.due_at) == (0, early.refresh_at)


@pytest.mark.parametrize("asked", [True, False])
def test_only_a_fetch_that_somebody_waited_for_begins_a_cool_down(asked):
    for history in (
        record_success(FRESH, NOW, 60, 0, asked=asked),
        record_failure(FRESH, NOW, 0, asked=asked),
    ):
        assert (history.asked_at == NOW) is asked


def test_pauses_double_up_to_a_bound_and_are_spread():
    history, pauses = FRESH, []
    for _ in range(8):
        history = record_failure(history, NOW, 1, asked=False)
        pauses.append(history.retry_at - NOW)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert record_failure(FRESH, NOW, 0, asked=False).retry_at == NOW + 0.5
    assert history.fetched_at == FRESH.fetched_at


def test_after_a_failure_the_next_refresh_waits_for_the_pause():
    assert FAILING.due_at == FAILING.retry_at
    assert AWAY.due_at == float("inf")  # nothing to refresh: who needs keys asks for them


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_pause_is_never_nothing_and_never_long(failures, chance):
    history = record_failure(FRESH._replace(failures=failures), NOW, chance, asked=True)
    assert 0.5 <= history.retry_at - NOW <= 60


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        ("", "", 300),
        ("public", "", 300),
        ("max-age=600", "", 600),
        ("public, max-age=21600, must-revalidate, no-transform", "", 3_600),
        ("Max-Age=600", "", 600),
        ('max-age="600"', "", 600),
        ("max-age=15, stale-while-revalidate=15, stale-if-error=86400", "", 60),
        ("max-age=0", "", 60),
        ("s-maxage=900", "", 300),
        ("x-max-age=900", "", 300),
        ("no-store, max-age=900", "", 60),
        ("no-cache", "", 60),
        ("max-age=-5", "", 300),
        ("max-age=٣٠٠٠", "", 300),
        ("max-age=" + "9" * 5_000, "", 3_600),
        ("max-age=900", "100", 800),
        ("max-age=900", "880", 60),
        ("max-age=900", "-100", 900),
        ("max-age=900", "²", 900),
        ("max-age=900", "9" * 5_000, 900),
    ],
)
def test_the_lifetime_is_the_providers_within_bounds(cache_control, age, seconds):
    assert read_lifetime(cache_control, age) == seconds


@given(st.text(), st.text())
def test_whatever_the_headers_say_the_lifetime_is_within_bounds(cache_control, age):
    assert 60 <= read_lifetime(f"max-age={cache_control}", age) <= 3_600
