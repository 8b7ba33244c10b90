from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from watchword.errors import InvalidSettings
from watchword.keyring.sealing import unseal
from watchword.stores import Stores, open_sql_stores
from watchword.stores.sql import schema
from watchword.testing.store_contract.throttles import admit

DATABASES = Path(__file__).parent / "databases"
SECRET = "correct horse battery staple, thirty-two"


def version_in(path: Path) -> int:
    database = sqlite3.connect(path)
    version: int = database.execute("SELECT schema_version FROM watchword_store").fetchone()[0]
    database.close()
    return version


def layout(path: Path) -> set[tuple[object, ...]]:
    """Every table's columns (name, whether it may be null, whether it is of the primary key) and indexes."""
    database = sqlite3.connect(path)
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: set[tuple[object, ...]] = set()
    for table in tables:
        found |= {(table, row[1], row[3], row[5]) for row in database.execute(f"PRAGMA table_info({table})")}
        found |= {(table, row[1], row[2]) for row in database.execute(f"PRAGMA index_list({table})")}
    database.close()
    return found


def reopened(path: Path, *, time_shift: float = 0.0) -> Stores:
    stores = open_sql_stores(f"sqlite:///{path}")
    stores.sessions.time_shift = time_shift
    return stores


def age_of(path: Path) -> float:
    """Seconds since the last session in it was started."""
    database = sqlite3.connect(path)
    started: float = database.execute("SELECT max(created_at) FROM watchword_sessions").fetchone()[0]
    database.close()
    return time.time() - started


def test_opening_again_keeps_everything(tmp_path: Path) -> None:
    stores = reopened(tmp_path / "app.db")
    stores.throttles.hit("key", 100)
    identity = stores.sessions.poll(None, None, grace=0).identity
    stores.close()
    stores = reopened(tmp_path / "app.db")
    assert stores.throttles.hit("key", 100) > 1
    assert stores.sessions.poll(None, None, grace=0).identity == identity
    stores.close()


def test_tables_stand_beside_an_applications_own(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "app.db")
    database.execute("CREATE TABLE sessions (id)")
    database.commit()
    stores = reopened(tmp_path / "app.db")
    stores.close()
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert "sessions" in tables
    assert all(name.startswith("watchword_") for name in tables - {"sessions"})


def test_an_older_database_is_upgraded_step_by_step_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.db"
    stores = reopened(path)
    stores.throttles.hit("key", 100)
    stores.close()

    steps: list[str] = []

    def one(connection: Connection) -> None:
        steps.append("one")
        connection.exec_driver_sql("ALTER TABLE watchword_remembered ADD COLUMN note TEXT")

    def another(connection: Connection) -> None:
        steps.append("another")
        connection.exec_driver_sql("UPDATE watchword_remembered SET note = 'upgraded'")

    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, one, another))
    for _ in range(2):
        stores = reopened(path)
        assert stores.throttles.hit("key", 100) > 1
        stores.close()
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


@pytest.fixture(params=sorted(DATABASES.iterdir()), ids=lambda dump: str(dump.stem))
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database as an older Watchword left it: one account, two sessions, one of them ended, two keys."""
    path = tmp_path / "older.db"
    database = sqlite3.connect(path)
    database.executescript(request.param.read_text("utf-8"))
    database.close()
    return path


def test_every_older_version_becomes_what_a_new_database_is(older: Path, tmp_path: Path) -> None:
    reopened(older).close()
    reopened(tmp_path / "new.db").close()
    assert version_in(older) == len(schema.UPGRADES)
    assert layout(older) == layout(tmp_path / "new.db")


def test_an_upgrade_keeps_accounts_sessions_ends_and_keys(older: Path) -> None:
    stores = reopened(older, time_shift=60 - age_of(older))
    account = stores.accounts.find_account(name_key="alice")
    assert account is not None
    assert (account.username, account.scopes, account.disabled) == ("Alice", ("read", "write"), False)
    (live,) = stores.sessions.list_live_sessions(account.subject)
    assert (live.generation, live.scopes, live.user_agent) == (2, ("read",), "firefox")
    assert (live.amr, live.claims, live.lifetime) == ((), {}, None)
    (end,) = stores.sessions.poll(None, None, grace=0).ends
    ended = stores.sessions.find_session(end.session_id)
    assert ended is not None
    assert ended.session.end_reason == "logout"
    assert admit(stores.throttles, "home", device="key").is_known
    keys = stores.keys.list_keys().keys
    assert {unseal(key, [SECRET]).kid for key in keys} == {key.kid for key in keys}
    assert {(key.kind, key.alg) for key in keys} == {("public", "EdDSA"), ("internal", "HS256")}
    assert all(key.compromised_at is None and key.signs_from >= key.created_at for key in keys)
    stores.close()


def test_keys_from_before_rotation_sign_from_when_they_were_made(older: Path) -> None:
    stores = reopened(older)
    first = [key for key in stores.keys.list_keys().keys if key.epoch == 1]
    assert all(key.signs_from == key.created_at for key in first)
    stores.close()


def test_a_failed_upgrade_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE watchword_remembered")
        raise InvalidSettings("broken")

    path = tmp_path / "app.db"
    stores = reopened(path)
    stores.throttles.hit("key", 100)
    stores.close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "UPGRADES", (*schema.UPGRADES, broken))
        with pytest.raises(InvalidSettings, match="broken"):
            reopened(path)
    stores = reopened(path)
    assert stores.throttles.hit("key", 100) > 1
    stores.close()


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
        "import sys; from watchword.stores import open_sql_stores; sys.stdin.readline();"
        "stores = open_sql_stores(sys.argv[1]);"
        "print(stores.sessions.poll(None, None, grace=0).identity); stores.close()"
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
