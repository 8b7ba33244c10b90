"""docs/defaults.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watchword import Settings

SETTINGS, _ = Path("docs/defaults.md").read_text("utf-8").split("## Not settings")
ROWS = {
    cells[1].strip("` "): (cells[2].strip(), cells[3].strip())
    for line in SETTINGS.splitlines()
    if line.startswith("| `") and len(cells := line.split("|")) == 5
}

IN_WORDS = {"secret": "made", "trusted_proxies": "none"}  # what is found at the first start, or is empty


def test_every_setting_stands_in_the_table_and_nothing_else_does() -> None:
    assert sorted(ROWS) == sorted(Settings.__struct_fields__)


@pytest.mark.parametrize("name", [*Settings.__struct_fields__])
def test_a_setting_is_documented_with_its_default_and_a_reason(name: str) -> None:
    shown, reason = ROWS[name]

    assert re.split(r"[ ;]", shown.replace("`", ""))[0] == IN_WORDS.get(name, str(getattr(Settings(), name)))
    assert len(reason) > 20
