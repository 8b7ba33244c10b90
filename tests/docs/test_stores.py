"""docs/stores.md: its store passes the suite of its port, and Auth uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchword.errors import TokenSpent
from watchword.stores import contract

PAGE = Path("docs/stores.md").read_text("utf-8")
STORE, TESTS, USE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for text in (STORE, TESTS):
        (tmp_path / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spent_keys", raising=False)
    return tmp_path


def test_the_store_of_the_page_passes_the_tests_of_the_page(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_spent_keys.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.usefixtures("folder")
def test_auth_uses_the_store_of_the_page() -> None:
    names: dict[str, object] = {}
    exec(USE, names)
    auth, spent_keys = names["auth"], names["spent_keys"]
    token = auth.one_time.issue("magic-link", "alice", 60)
    auth.one_time.redeem("magic-link", token)
    assert len(spent_keys._spent) == 1
    with pytest.raises(TokenSpent):
        auth.one_time.redeem("magic-link", token)
    auth.check()
    auth.close()
    assert not spent_keys._spent, "closed with the others"


def test_the_table_of_the_page_has_every_port() -> None:
    ports = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE))
    others = {"backends", "file", "in_memory"}
    assert set(ports) == set(contract.Stores.__struct_fields__) - others
    assert all(hasattr(contract, name) for name in ports.values())
