"""What a table of the command line shows of a name: the name, whatever it is made of."""

from __future__ import annotations

import pytest

from watchword.cli.tables import print_table

PASSWORD = "correct horse battery staple"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (":snake:", ":snake:"),
        ("🐍", "🐍"),
        ("[red]alice[/red]", "[red]alice[/red]"),
        ("zoë", "zoë"),
        ("雪", "雪"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\x9bb", "a\\x9bb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\nb", "a\\nb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\udcffb", "a\\udcffb"),
        ("x" * 300, "x" * 300),
    ],
)
def test_a_name_is_shown_as_it_is_stored(capsys, monkeypatch, stored: str, shown: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("name", "state"), [(stored, "enabled")])
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["name", "state"]
    assert row.rpartition(" ")[0].strip() == shown


def test_two_accounts_that_rich_would_show_alike_are_told_apart(watchword) -> None:
    for name in (":snake:", "🐍", "[b]"):
        added = watchword("account", "add", name, "--password-stdin", stdin=PASSWORD)
        assert added.stdout.startswith(f"Added {name} ")
    rows = watchword("account", "list").stdout.splitlines()[1:]
    assert sorted(row.split()[0] for row in rows) == sorted([":snake:", "🐍", "[b]"])
