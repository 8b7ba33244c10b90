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

    steps: list[str] = []

    def one(connection: Connection) -> None:
        steps.append("one")
        connection.exec_driver_sql("ALTER TABLE watchword_remembered ADD COLUMN note TEXT")

    def another(connection: Connection) -> None:
        steps.append("another")
        connection.exec_driver_sql("UPDATE watchword_remembered SET note = 'upgraded'")

    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, one, another))
    for _ in range(2):
        store = reopened(path)
        assert store.remembers("key")
        store.close()
    assert steps == ["one", "another"]
    assert version_in(path) == len(schema.UPGRADES)


def test_a_new_database_has_the_newest_tables_and_no_step_to_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: Connection) -> None:
        raise InvalidSettings("broken")

    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, broken))
    reopened(tmp_path / "app.db").close()
    assert version_in(tmp_path / "app.db") == len(schema.UPGRADES)


KEYS_OF_VERSION_1 = """
    DROP TABLE watchword_keys;
    CREATE TABLE watchword_keys (
        kind TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        kid TEXT NOT NULL UNIQUE,
        sealed TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (kind, epoch)
    );
    INSERT INTO watchword_keys VALUES ('public', 1, 'p', 'sealed', 100.5);
    INSERT INTO watchword_keys VALUES ('internal', 1, 'i', 'sealed', 101);
    UPDATE watchword_store SET schema_version = 1;
"""


def test_keys_from_before_rotation_sign_from_when_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    reopened(path).close()
    database = sqlite3.connect(path)
    database.executescript(KEYS_OF_VERSION_1)
    database.close()
    store = reopened(path)
    assert [(key.kid, key.alg, key.signs_from, key.compromised_at) for key in store.keys().keys] == [
        ("p", "EdDSA", 100.5, None),
        ("i", "HS256", 101.0, None),
    ]
    assert store.insert_key("public", 2, "next", "ES256", "sealed", not_before=0, lead=5)
    assert store.compromise_key("p", successor="next")
    store.close()
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
