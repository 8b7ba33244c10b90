import time

from watchword.clocks import read_clock


def test_the_clock_does_not_go_back_and_counts_sleep_where_the_system_does() -> None:
    before = read_clock()
    assert read_clock() >= before
    reference = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert before <= time.clock_gettime(reference)
