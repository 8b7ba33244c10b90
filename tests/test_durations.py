import math
from datetime import timedelta

import pytest

from watchword.durations import to_seconds, to_whole_seconds
from watchword.errors import InvalidSettings


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0),
        (300, 300),
        (0.5, 0.5),
        (timedelta(minutes=5), 300),
        (timedelta(milliseconds=1), 0.001),
        (timedelta(0), 0),
    ],
)
def test_a_duration_is_seconds_or_a_timedelta(given, seconds):
    assert to_seconds("fresh", given) == seconds
    assert type(to_seconds("fresh", given)) is type(seconds)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("300", "fresh must be seconds or a timedelta, not str"),
        (True, "fresh must be seconds or a timedelta, not bool"),
        (None, "fresh must be seconds or a timedelta, not NoneType"),
        (-1, "fresh must be zero or more seconds, not -1"),
        (timedelta(seconds=-1), "fresh must be zero or more seconds, not -1 day, 23:59:59"),
        (math.nan, "fresh must be zero or more seconds, not nan"),
        (math.inf, "fresh must be zero or more seconds, not inf"),
        pytest.param(10**400, "fresh must be zero or more seconds, not int", id="larger than any float"),
        pytest.param(-(10**5_000), "fresh must be zero or more seconds, not int", id="too long to print"),
    ],
)
def test_anything_else_is_refused_with_the_name_of_the_argument(given, told):
    with pytest.raises(InvalidSettings) as caught:
        to_seconds("fresh", given)
    assert str(caught.value) == told


@pytest.mark.parametrize(("given", "seconds"), [(60, 60), (timedelta(seconds=60.9), 60)])
def test_whole_seconds_drop_the_fraction_of_a_timedelta(given, seconds):
    assert to_whole_seconds("lifetime", given) == seconds


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (1.5, "lifetime must be whole seconds or a timedelta, not float"),
        (True, "lifetime must be whole seconds or a timedelta, not bool"),
        (0, "lifetime must be at least one second, not 0"),
        pytest.param(-(10**5_000), "lifetime must be at least one second, not int", id="too long to print"),
        (timedelta(milliseconds=5), "lifetime must be at least one second, not 0:00:00.005000"),
    ],
)
def test_less_than_a_second_and_fractions_are_no_whole_seconds(given, told):
    with pytest.raises(InvalidSettings) as caught:
        to_whole_seconds("lifetime", given)
    assert str(caught.value) == told
