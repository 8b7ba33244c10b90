"""``watchword database``, as an operator meets it at the terminal."""

from __future__ import annotations

import sqlite3
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from postgres_servers import PostgresServer

from watchword.errors import MissingExtra
from watchword.stores import find_schema_status, open_sql_stores
from watchword.stores.sql.schema import UPGRADES

NEWEST = len(UPGRADES)
OLDER = Path(__file__).parents[1] / "stores" / "sql" / "databases" / "version-2.sql"


@pytest.fixture
def older(directory: Path) -> Path:
    """A database as an older Watchword left it."""
    path = directory / "watchword.db"
    database = sqlite3.connect(path)
    database.executescript(OLDER.read_text("utf-8"))
    database.close()
    return path


def test_the_status_of_an_older_database_is_told_and_nothing_is_changed(watchword, older) -> None:
    before = older.read_bytes()
    shown = watchword("database", "status")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        f"backend: SQLite {sqlite3.sqlite_version}",
        "schema in the database: 2",
        f"newest schema known here: {NEWEST}",
    ]
    assert "`watchword database upgrade` upgrades the schema, as does" in shown.stderr
    assert find_schema_status(f"sqlite:///{older}").version == 2
    assert older.read_bytes()[100:] == before[100:], "all but the header, which says how SQLite writes"


def test_an_older_database_is_upgraded_once(watchword, older) -> None:
    assert watchword("database", "upgrade").stdout == f"Upgraded from schema version 2 to {NEWEST}\n"
    assert watchword("database", "upgrade").stdout == f"Schema version {NEWEST} is the newest already\n"
    assert watchword("database", "status").stderr == "The schema is up to date\n"


def test_a_newer_database_is_told_and_left_alone(watchword, alice, directory) -> None:
    database = sqlite3.connect(directory / "watchword.db")
    database.execute("UPDATE watchword_store SET schema_version = 99")
    database.commit()
    database.close()
    shown = watchword("database", "status")
    assert "schema in the database: 99" in shown.stdout
    assert shown.stderr == "A newer Watchword upgraded the schema. Run that version\n"
    refused = watchword("database", "upgrade")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "A newer Watchword has upgraded the database" in refused.stderr


@pytest.mark.parametrize("command", ["status", "upgrade"])
def test_no_file_is_made_where_there_is_none(watchword, directory, command) -> None:
    refused = watchword("database", command)
    assert refused.exit_code == 1
    assert "there is no database watchword.db here" in refused.stderr
    assert list(directory.iterdir()) == []


def test_on_a_server_the_tables_are_made_without_a_secret(
    watchword, postgres: PostgresServer, monkeypatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.new_database())
    before = watchword("database", "status")
    assert before.stdout.startswith("backend: PostgreSQL ")
    assert "schema in the database: none" in before.stdout
    assert watchword("database", "upgrade").stdout == f"Made the tables, with schema version {NEWEST}\n"
    assert f"schema in the database: {NEWEST}" in watchword("database", "status").stdout


def test_a_server_that_is_not_there_is_told_in_one_sentence_without_the_password(
    watchword, monkeypatch, caplog
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://alice:s3cr3t@127.0.0.1:1/app")
    for command in ("status", "upgrade"):
        refused = watchword("database", command)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr == "Error: the store does not answer\n"
    assert "s3cr3t" not in caplog.text


def test_a_missing_sqlalchemy_names_the_extra_that_brings_it(monkeypatch) -> None:
    monkeypatch.delattr("watchword.stores.sql", raising=False)
    for name in [name for name in sys.modules if name.startswith("watchword.stores.s")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtra, match=r"watchword\[sql,passwords\]"):
        find_schema_status("sqlite://")


# -- backup ----------------------------------------------------------------------------------------


def test_a_backup_has_all_that_was_acknowledged_while_a_server_writes(watchword, alice, directory) -> None:
    server = open_sql_stores("sqlite:///watchword.db")
    acknowledged: list[str] = []
    stopping = threading.Event()

    def write() -> None:
        while not stopping.is_set():
            name = f"user-{len(acknowledged)}"
            server.accounts.insert_account(
                subject=name, username=name, name_key=name, password_hash="", scopes=()
            )
            acknowledged.append(name)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while len(acknowledged) < 20:
            assert not writing.done()
        before = list(acknowledged)
        done = watchword("database", "backup", "copy.db")
        stopping.set()
        writing.result()
    server.close()

    assert (done.exit_code, done.stdout) == (0, "Copied the database to copy.db\n")
    assert "keep the secret too (WATCHWORD_SECRET, or the file watchword.db.secret)" in done.stderr
    assert stat.S_IMODE((directory / "copy.db").stat().st_mode) == 0o600
    for name in ("watchword.db", "watchword.db-wal", "watchword.db-shm"):
        (directory / name).unlink(missing_ok=True)
    (directory / "copy.db").rename("watchword.db")
    listed = watchword("account", "list").stdout
    restored = {line.split()[0] for line in listed.splitlines()[1:]}
    assert {"alice", *before} <= restored


def test_a_backup_replaces_no_file(watchword, alice, directory) -> None:
    (directory / "copy.db").write_text("something else")
    refused = watchword("database", "backup", "copy.db")
    assert refused.exit_code == 1
    assert "copy.db: File exists" in refused.stderr
    assert (directory / "copy.db").read_text() == "something else"


def test_a_backup_of_what_is_no_database_leaves_no_file(watchword, directory) -> None:
    (directory / "watchword.db").write_bytes(b"no database" * 1000)
    refused = watchword("database", "backup", "copy.db")
    assert refused.exit_code == 1
    assert "cannot be copied to copy.db: file is not a database" in refused.stderr
    assert not (directory / "copy.db").exists()


def test_postgresql_is_not_copied_and_the_tool_is_named(watchword, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:s3cr3t@localhost/app")
    refused = watchword("database", "backup", "copy.db")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "pg_dump" in refused.stderr
    assert "s3cr3t" not in refused.stderr
