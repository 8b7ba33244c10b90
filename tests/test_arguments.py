from __future__ import annotations

from typing import Any

import pytest

from watchword.arguments import describe, describe_names

SECRET = "a secret that nobody may read"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "None"),
        (True, "True"),
        (-1, "-1"),
        (1.5, "1.5"),
        (10**30, "int"),
        (10**5_000, "int"),
        (SECRET, "str"),
        (SECRET.encode(), "bytes"),
        ([SECRET], "list"),
        ("", "an empty str"),
        ((), "an empty tuple"),
        (str, "the class str"),
        (object(), "object"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "number",
)
def test_small_numbers_are_shown_and_of_everything_else_the_type(given: Any, said: str) -> None:
    assert describe(given) == said


def test_what_is_wrong_in_a_collection_is_shown() -> None:
    assert describe_names(["a", None]) == "list with None in it"
    assert describe_names([SECRET, b"x"]) == "list with bytes in it"
    assert describe_names(SECRET) == "str"
