import pytest

from watchword.deprecation import warn_renamed


def use_old_name() -> None:
    warn_renamed("watchword.old", "watchword.new")


def test_the_warning_names_both_names_and_the_line_that_uses_the_old_one():
    with pytest.warns(
        DeprecationWarning, match=r"^watchword\.old is deprecated: use watchword\.new$"
    ) as seen:
        use_old_name()
    assert seen[0].filename == __file__
