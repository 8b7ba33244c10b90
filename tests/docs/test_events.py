"""docs/events.md lists every event with what it holds, and every reason for an end."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from watchword import Auth, events
from watchword.events import Act, Event, TokenReplayed
from watchword.stores.contract import EndReason

DOCUMENT = Path("docs/events.md").read_text("utf-8")
ROWS = {
    name: (record, level, tuple(re.findall(r"`(\w+)`", besides)))
    for name, record, level, besides in re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (\w+) \| (.*?) ?\| ", DOCUMENT, re.MULTILINE
    )
}
REASONS = re.findall(r"^\| (`.+`) \| [^|]+ \|$", DOCUMENT.split("Reasons for the end")[1], re.MULTILINE)
LISTENER, TELEMETRY = re.findall(r"<!-- test: \w+ -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL)
KINDS = [kind for name in events.__all__ if isinstance(kind := getattr(events, name), type)]


def test_every_event_stands_in_the_table_with_its_level_and_what_it_holds() -> None:
    common = set(Event.__struct_fields__)
    assert {
        kind.name: (
            kind.__name__,
            logging.getLevelName(kind.level).lower(),
            tuple(field for field in kind.__struct_fields__ if field not in common),
        )
        for kind in KINDS
        if issubclass(kind, Event) and kind not in {Event, Act}
    } == ROWS


def test_every_reason_for_an_end_is_explained() -> None:
    assert sorted(re.findall(r"\w+", " ".join(REASONS))) == sorted(get_args(EndReason))


def test_the_listener_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paged: list[str] = []
    names: dict[str, Any] = {"page_the_team": paged.append}
    exec(compile(LISTENER, "docs/events.md", "exec"), names)
    auth: Auth = names["auth"]
    auth.close()
    auth._notify(TokenReplayed(subject="alice", address="192.0.2.1"))
    assert paged == ["token_replayed: alice from 192.0.2.1"]


def test_telemetry_is_set_up_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(TELEMETRY, "docs/events.md", "exec"), names)
    names["auth"].start("alice")
    names["auth"].close()
