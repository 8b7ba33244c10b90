from __future__ import annotations

from typing import Any

import pytest

from watchword.errors import InvalidSettings
from watchword.scopes import check_scopes


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ("", ()),
        ([], ()),
        ("read write", ("read", "write")),
        (["reports:read", "!#[]~"], ("reports:read", "!#[]~")),
        ({"read": 1}.keys(), ("read",)),
    ],
)
def test_scopes_are_a_list_or_a_text_with_spaces(given: Any, scopes: tuple[str, ...]) -> None:
    assert check_scopes(given) == scopes


@pytest.mark.parametrize(
    "given", [None, 5, b"read", {"read": 1}, [""], ["two words"], ['"'], ["a\\b"], ["\u00e9"], ["a\n"], [5]]
)
def test_malformed_scopes_are_refused_with_the_name_of_the_argument(given: Any) -> None:
    with pytest.raises(InvalidSettings, match=r"^any_scopes must be names such as"):
        check_scopes(given, "any_scopes")
