import time

from watchword.clocks import elapsed


def test_the_clock_does_not_go_back_and_counts_sleep_where_the_system_does() -> None:
    before = elapsed()
    assert elapsed() >= before
    reference = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert before <= time.clock_gettime(reference)
