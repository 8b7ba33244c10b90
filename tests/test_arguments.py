from __future__ import annotations

from typing import Any

import pytest

from watchword.arguments import describe, describe_names, quote, quote_algorithm, quote_long

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


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("ES256", "'ES256'"),
        ("a\nb\x1b[2J\u00e9", r"'a\nb\x1b[2J\xe9'"),
        ("x" * 61, "'" + "x" * 60 + "'..."),
        (["sig", "enc"], "'sig, enc'"),
        ([1, 2], "list"),
        (None, "None"),
    ],
)
def test_a_quote_is_printable_ascii_of_bounded_length(given: Any, shown: str) -> None:
    assert quote(given) == shown


def test_a_long_quote_shows_the_whole_of_a_usual_url() -> None:
    url = "https://issuer.example/" + "a" * 200

    assert quote_long(url) == repr(url)
    assert quote_long(url * 2) == repr((url * 2)[:300]) + "..."


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("PBES2-HS512+A256KW", "'PBES2-HS512+A256KW'"),
        ("correct horse", "str"),
        ("a" * 21, "str"),
        ("", "an empty str"),
        (["HS256"], "list"),
    ],
)
def test_only_a_text_like_the_name_of_an_algorithm_is_quoted_as_one(given: Any, shown: str) -> None:
    assert quote_algorithm(given) == shown
