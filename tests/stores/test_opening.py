from __future__ import annotations

import sys
from pathlib import Path

import pytest

from watchword.errors import InvalidSettings, MissingExtra, StoreUnavailable
from watchword.stores import open_store


def test_a_url_opens_the_store_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///app.db")
    assert store.accounts() == []
    assert (tmp_path / "app.db").stat().st_size > 0
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.db",
        "mysql://user:secret@host/db",
        "nonsense://host",
        "sqlite+aiosqlite:///app.db",
        "sqlite:///app.db?timeout=60",
    ],
)
def test_a_url_of_no_store_is_refused_naming_what_is_supported_and_not_itself(url: str) -> None:
    with pytest.raises(InvalidSettings, match="sqlite:///") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_missing_sqlalchemy_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in [name for name in sys.modules if name.startswith("watchword.stores.s")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"watchword\[sql\]"):
        open_store("sqlite://")


def test_another_missing_module_is_not_taken_for_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchword.stores.sql", None)
    with pytest.raises(ModuleNotFoundError, match=r"watchword\.stores\.sql"):
        open_store("sqlite://")


def test_a_database_in_a_missing_directory_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        open_store(f"sqlite:///{tmp_path}/nowhere/app.db")
