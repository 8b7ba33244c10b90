from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection

from watchword.errors import InvalidSettings
from watchword.stores import schema
from watchword.stores.sql import SqlStore


def version_in(path: Path) -> int:
    database = sqlite3.connect(path)
    version: int = database.execute("SELECT schema_version FROM watchword_store").fetchone()[0]
    database.close()
    return version


def reopened(path: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{path}")


def test_opening_again_keeps_everything(tmp_path: Path) -> None:
    store = reopened(tmp_path / "app.db")
    store.remember("key", lifetime=100)
    identity = store.poll(None, None, grace=0).identity
    store.close()
    store = reopened(tmp_path / "app.db")
    assert store.remembers("key")
    assert store.poll(None, None, grace=0).identity == identity
    store.close()


def test_tables_stand_beside_an_applications_own(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "app.db")
    database.execute("CREATE TABLE sessions (id)")
    database.commit()
    store = reopened(tmp_path / "app.db")
    store.close()
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert "sessions" in tables
    assert all(name.startswith("watchword_") for name in tables - {"sessions"})


def test_an_older_database_is_upgraded_step_by_step_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.db"
    store = reopened(path)
    store.remember("key", lifetime=100)
    store.close()

    steps: list[int] = []

    def note(number: int) -> None:
        steps.append(number)

    def second(connection: Connection) -> None:
        note(2)
        connection.exec_driver_sql("ALTER TABLE watchword_remembered ADD COLUMN note TEXT")

    def third(connection: Connection) -> None:
        note(3)
        connection.exec_driver_sql("UPDATE watchword_remembered SET note = 'upgraded'")

    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, second, third))
    for _ in range(2):
        store = reopened(path)
        assert store.remembers("key")
        store.close()
    assert steps == [2, 3]
    assert version_in(path) == len(schema.UPGRADES)


def test_a_failed_upgrade_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE watchword_remembered")
        raise InvalidSettings("broken")

    path = tmp_path / "app.db"
    store = reopened(path)
    store.remember("key", lifetime=100)
    store.close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "UPGRADES", (*schema.UPGRADES, broken))
        with pytest.raises(InvalidSettings, match="broken"):
            reopened(path)
    store = reopened(path)
    assert store.remembers("key")
    store.close()


def test_a_database_newer_than_the_code_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    reopened(path).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE watchword_store SET schema_version = 99")
    database.commit()
    database.close()
    with pytest.raises(InvalidSettings, match=r"schema version 99.*newer Watchword"):
        reopened(path)
    assert list(tmp_path.iterdir()) == [path]  # SQLite removes its log when the last connection closes
    assert version_in(path) == 99


def test_processes_that_open_at_once_make_the_tables_once(tmp_path: Path) -> None:
    script = (
        "import sys; from watchword.stores.sql import SqlStore; sys.stdin.readline();"
        "store = SqlStore(sys.argv[1]); print(store.poll(None, None, grace=0).identity); store.close()"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{tmp_path}/app.db"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in processes:  # all have imported, or will find that others have begun
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    identities = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(identities) == 1
