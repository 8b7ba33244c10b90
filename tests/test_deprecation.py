import json

import pytest

from watchword.deprecation import make_getattr, warn_renamed


def use_old_name() -> None:
    warn_renamed("watchword.old", "watchword.new")


def test_the_warning_names_both_names_and_the_line_that_uses_the_old_one():
    with pytest.warns(
        DeprecationWarning, match=r"^watchword\.old is deprecated: use watchword\.new$"
    ) as seen:
        use_old_name()
    assert seen[0].filename == __file__


def test_an_old_name_of_a_module_is_the_new_one_and_warns_of_the_line_that_uses_it():
    find = make_getattr("old.place", {"loads": "json.loads"})
    with pytest.warns(
        DeprecationWarning, match=r"^old\.place\.loads is deprecated: use json\.loads$"
    ) as seen:
        assert find("loads") is json.loads
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match=r"^module 'old\.place' has no attribute 'dumps'$"):
        find("dumps")
