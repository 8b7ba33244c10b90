from __future__ import annotations

import secrets
import sys

from watchword.sessions.ended import EndedSessions
from watchword.stores.contract import SessionEnd


def test_an_id_is_there_until_its_time_is_over_and_leaves_within_ten_seconds() -> None:
    ended = EndedSessions()
    ended.add([SessionEnd("a", 1_000.5), SessionEnd("b", 1_500.0)])
    for now in (0, 990, 1_000, 1_000.4):
        ended.forget(now)
        assert ended.contains("a")
    ended.forget(1_010.5)
    assert not ended.contains("a")
    assert ended.contains("b")
    assert len(ended) == 1
    ended.forget(10_000)
    assert (len(ended), ended._spans, ended._numbers) == (0, {}, {})


def test_of_two_times_the_later_counts_in_whatever_order_they_come() -> None:
    for times in ([1_000.0, 2_000.0], [2_000.0, 1_000.0]):
        ended = EndedSessions()
        for until in times:
            ended.add([SessionEnd("a", until)])
        ended.forget(1_500)
        assert ended.contains("a")
        ended.forget(2_010)
        assert not ended.contains("a")


def test_what_comes_again_takes_no_room_again() -> None:
    ended = EndedSessions()
    ends = [SessionEnd(f"s{number}", 1_000.0 + number) for number in range(100)]
    for _ in range(3):
        ended.add(
            SessionEnd(str(bytearray(end.session_id, "ascii"), "ascii"), end.access_until) for end in ends
        )
    assert len(ended) == len(ended._spans) == 100
    assert len(ended._numbers) <= 11


def test_a_clock_that_was_wrong_for_a_moment_does_not_stop_the_forgetting() -> None:
    ended = EndedSessions()
    ended.forget(10**9)
    ended.add([SessionEnd("a", 1_000.0)])
    ended.forget(1_020)
    assert len(ended) == 0


def test_the_look_up_that_somebody_holds_sees_what_comes_and_what_goes() -> None:
    ended = EndedSessions()
    contains = ended.contains
    ended.add([SessionEnd("a", 1_000.0)])
    assert contains("a")
    ended.forget(2_000)
    assert not contains("a")


def test_what_was_added_by_half_when_the_process_was_forked_is_added_by_the_child() -> None:
    for half in ("_ids", "_spans"):
        ended = EndedSessions()
        ended.add([SessionEnd("a", 1_000.0)])
        getattr(ended, half).clear()
        ended.add([SessionEnd("a", 1_000.0)])
        assert ended.contains("a")
        ended.forget(2_000)
        assert not ended.contains("a")


def test_a_million_ids_take_at_most_160_megabytes() -> None:
    ended = EndedSessions()
    ended.add(
        SessionEnd(secrets.token_urlsafe(16), 1_800_000_000.25 + number % 600) for number in range(1_000_000)
    )
    # the numbers are few and shared; an allocation is a multiple of 16 bytes
    ids = sum(-(-sys.getsizeof(session_id) // 16) * 16 for session_id in ended._ids)
    assert len(ended) == 1_000_000
    assert len({id(number) for number in ended._spans.values()}) <= 61
    assert ids + sys.getsizeof(ended._ids) + sys.getsizeof(ended._spans) <= 160_000_000
