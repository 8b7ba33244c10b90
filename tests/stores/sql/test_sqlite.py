"""SQLite's own faults: locks, lost and replaced files, killed processes, forks."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hard_forks import answer_of_child, hard_fork
from sqlalchemy import Connection

from watchword.errors import StoreUnavailable
from watchword.stores import Stores, open_sql_stores
from watchword.stores.contract import LoginCounter, LoginCounters, NewSession, SessionDetails, SessionTimes
from watchword.stores.sql import sqlite
from watchword.stores.sql.database import PURGE_BATCH

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)
DETAILS = SessionDetails(username="A", scopes=())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app #1.db"


@pytest.fixture
def stores(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    opened = open_sql_stores(f"sqlite:///{path}")
    yield opened
    opened.close()


def start(stores: Stores, name: str = "s1") -> None:
    new = NewSession(id=name, subject="alice", username="Alice", scopes=(), user_agent=None, ip_address=None)
    stores.sessions.start_session(new, TIMES, max_live=100_000, mark=stores.sessions.read_mark())


# -- the file ------------------------------------------------------------------------------------


def test_everything_on_disk_is_for_its_owner_only(stores: Stores, path: Path) -> None:
    start(stores)
    modes = {file.name.removeprefix(path.name): file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"": 0o600, "-wal": 0o600, "-shm": 0o600}


def test_commits_are_written_ahead_and_synced_in_full(stores: Stores) -> None:
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with stores.backends[0].begin_read() as connection:
        values = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    assert values == ["wal", 2, 1, 50]


def test_a_store_opens_again_after_it_was_closed(stores: Stores) -> None:
    start(stores)
    stores.close()
    assert stores.sessions.find_session("s1") is not None


# -- locks ---------------------------------------------------------------------------------------


def test_a_database_locked_by_another_is_unavailable_to_writers_until_it_is_free(
    stores: Stores, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING), pytest.raises(StoreUnavailable) as caught:
        start(stores, "very-secret-id")
    assert stores.sessions.find_session("very-secret-id") is None  # readers go on
    assert caught.value.__suppress_context__
    assert "database is locked" in caplog.text
    assert "very-secret-id" not in caplog.text + str(caught.value)
    other.execute("ROLLBACK")
    other.close()
    start(stores)
    assert stores.sessions.find_session("s1") is not None


def test_a_thread_that_never_gets_its_turn_to_write_is_told_so(stores: Stores) -> None:
    with stores.backends[0].begin_write(), pytest.raises(StoreUnavailable):
        start(stores)
    start(stores)


def test_who_gets_no_connection_is_told_so(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as readers, caplog.at_level(logging.WARNING):
        for _ in range(15):  # as many as the pool has
            readers.enter_context(stores.backends[0].begin_read())
        with pytest.raises(StoreUnavailable):
            stores.now()
    assert "connection timed out" in caplog.text
    stores.now()


def test_switching_to_wal_waits_for_another_process_and_gives_up_at_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    other.execute("CREATE TABLE own (id)")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable):
        open_sql_stores(f"sqlite:///{tmp_path}/app.db")
    other.close()
    open_sql_stores(f"sqlite:///{tmp_path}/app.db").close()


def test_where_sqlite_cannot_write_beside_the_database_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.db-wal").mkdir()
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(StoreUnavailable):
        open_sql_stores(f"sqlite:///{tmp_path}/app.db")
    assert waits == []


def test_switching_to_wal_waits_where_sqlite_itself_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    other.executescript("CREATE TABLE own (id); BEGIN IMMEDIATE")
    monkeypatch.setattr(time, "sleep", lambda _seconds: other.close())
    open_sql_stores(f"sqlite:///{tmp_path}/app.db").close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")


# -- connections that are lost -------------------------------------------------------------------


def test_an_operation_is_repeated_once_when_its_connection_was_lost(stores: Stores) -> None:
    start(stores)
    with stores.backends[0].begin_read() as connection:
        lost = connection.connection.dbapi_connection
    assert isinstance(lost, sqlite3.Connection)
    lost.close()
    assert stores.sessions.find_session("s1") is not None


def test_a_deleted_database_is_unavailable_and_no_new_one_is_made(stores: Stores, path: Path) -> None:
    start(stores)
    for file in path.parent.iterdir():
        file.unlink()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            stores.sessions.end_session("s1", "logout")
        with pytest.raises(StoreUnavailable):
            stores.now()
    assert not list(path.parent.iterdir())


def test_service_resumes_when_a_file_that_was_moved_away_is_back(stores: Stores, path: Path) -> None:
    start(stores)
    away = path.with_suffix(".away")
    path.rename(away)
    with pytest.raises(StoreUnavailable):
        stores.sessions.end_session("s1", "logout")
    away.rename(path)
    assert stores.sessions.end_session("s1", "logout") is not None


def test_writes_go_to_the_file_that_took_the_others_place(stores: Stores, path: Path) -> None:
    start(stores)
    stores.close()  # the write-ahead log is part of the file now
    backup = path.with_suffix(".backup")
    shutil.copy(path, backup)
    before = stores.sessions.poll(None, None, grace=30)
    stores.sessions.end_session("s1", "logout")
    stores.close()
    with stores.backends[0].begin_read():  # holds a connection to the file that goes
        backup.replace(path)
    after = stores.sessions.poll(before.identity, before.position, grace=30)
    assert after.identity != before.identity  # though the identity inside is the same
    assert stores.sessions.end_session("s1", "logout_all") is not None


def test_a_write_into_a_file_that_is_being_replaced_is_done_again_on_the_new_one(
    stores: Stores, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(stores)
    stores.close()
    backup = path.with_suffix(".backup")
    shutil.copy(path, backup)
    take_position = sqlite.SqliteDatabase.take_position

    def replace_the_file(database: sqlite.SqliteDatabase, connection: Connection) -> int:
        if backup.exists():
            for log in path.parent.glob(f"{path.name}-*"):
                log.unlink()
            backup.replace(path)
        return take_position(database, connection)

    monkeypatch.setattr(sqlite.SqliteDatabase, "take_position", replace_the_file)
    assert stores.sessions.end_session("s1", "logout") is not None
    assert [end.session_id for end in stores.sessions.poll(None, None, grace=30).ends] == ["s1"]


def test_a_database_in_memory_is_gone_when_closed() -> None:
    stores = open_sql_stores("sqlite://")
    stores.close()
    with pytest.raises(StoreUnavailable):
        stores.accounts.list_accounts()
    stores.close()


# -- processes -----------------------------------------------------------------------------------


def test_no_acknowledged_end_is_lost_by_kill_9(path: Path, stores: Stores) -> None:
    for number in range(300):
        start(stores, f"s{number}")
    script = (
        "import sys; from watchword.stores import open_sql_stores; stores = open_sql_stores(sys.argv[1])\n"
        "for number in range(300):\n"
        "    stores.sessions.end_session(f's{number}', 'logout'); print(number, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, f"sqlite:///{path}"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().split()]
    process.wait(timeout=60)
    process.stdout.close()

    assert process.returncode == -signal.SIGKILL
    ended = {end.session_id for end in stores.sessions.poll(None, None, grace=30).ends}
    assert {f"s{number}" for number in acknowledged} <= ended
    assert len(ended) < 300


FORKING = """
import os, sys, threading
from watchword.stores import open_sql_stores
stores = open_sql_stores(sys.argv[1])
stop = threading.Event()
def work():
    while not stop.is_set():
        stores.throttles.hit("from a thread", 100)
        stores.now()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for number in range(5):
    child = os.fork()
    if child == 0:
        stores.throttles.hit(f"from child {number}", 100)
        os._exit(0 if stores.throttles.hit(f"from child {number}", 100) == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
assert all(stores.throttles.hit(f"from child {number}", 100) == 3 for number in range(5))
stores.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_has_connections_and_locks_of_its_own(tmp_path: Path) -> None:
    script = [sys.executable, "-c", FORKING, f"sqlite:///{tmp_path}/app.db"]
    subprocess.run(script, check=True, timeout=60)


def test_what_a_child_commits_stays_when_its_parent_closes_the_file(path: Path) -> None:
    """SQLite would take the parent's locks for the child's, and the parent would delete the child's log."""
    stores = open_sql_stores(f"sqlite:///{path}")
    stores.throttles.hit("from the parent", 100)
    of_child, to_child = os.pipe(), os.pipe()

    def work() -> bool:
        stores.throttles.hit("before", 100)
        os.write(of_child[1], b".")
        os.read(to_child[0], 1)
        stores.throttles.hit("after", 100)
        return stores.throttles.hit("from the parent", 100) == 2

    def close_in_parent() -> None:
        os.read(of_child[0], 1)
        stores.close()
        os.write(to_child[1], b".")

    closer = threading.Thread(target=close_in_parent)
    closer.start()
    assert answer_of_child(work)
    closer.join()
    counts = [stores.throttles.hit(key, 100) for key in ("from the parent", "before", "after")]
    assert counts == [3, 2, 2]
    stores.close()


def test_a_child_does_not_touch_what_a_thread_of_its_parent_was_doing(path: Path) -> None:
    stores = open_sql_stores(f"sqlite:///{path}")
    with stores.backends[0]._writing.obtain(), stores.backends[0].begin_read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM watchword_sessions").scalar_one() == 0

        def work() -> bool:
            stores.throttles.hit("key", 100)
            return stores.throttles.hit("key", 100) == 2

        assert answer_of_child(work)
        assert connection.exec_driver_sql("SELECT count(*) FROM watchword_throttles").scalar_one() == 0
    assert stores.throttles.hit("key", 100) == 3
    stores.close()


@pytest.mark.parametrize("fork", [os.fork, hard_fork], ids=["with hooks", "without hooks"])
def test_a_child_goes_on_with_a_copy_of_a_database_in_memory(fork: Callable[[], int]) -> None:
    stores = open_sql_stores("sqlite://")
    stores.throttles.hit("key", 100)

    def work() -> list[int]:
        stores.throttles.hit("of the child", 100)
        return [stores.throttles.hit("key", 100), stores.throttles.hit("of the child", 100)]

    with stores.backends[0]._writing.obtain():
        assert answer_of_child(work, fork) == [2, 2]
    assert stores.throttles.hit("of the child", 100) == 1
    stores.close()


def test_a_store_that_is_gone_has_closed_its_file(path: Path) -> None:
    stores = open_sql_stores(f"sqlite:///{path}")
    stores.throttles.hit("key", 100)
    wal = path.with_name(f"{path.name}-wal")
    assert wal.exists()
    del stores
    gc.collect()
    assert not wal.exists()


# -- purging -------------------------------------------------------------------------------------


def rows(stores: Stores, table: str) -> int:
    with stores.backends[0].begin_read() as connection:
        count: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return count


@pytest.mark.parametrize("ended", [True, False])
def test_a_session_leaves_the_table_when_no_token_and_no_feed_needs_it(stores: Stores, ended: bool) -> None:
    start(stores)
    if ended:
        stores.sessions.end_session("s1", "logout")
    needed = (TIMES.access if ended else TIMES.idle) + 300 + 120
    stores.sessions.time_shift = needed - 2
    stores.throttles.refund("any", ["write"])
    assert stores.sessions.find_session("s1") is not None
    stores.sessions.time_shift = needed + 60
    stores.throttles.refund("any", ["write"])
    assert stores.sessions.find_session("s1") is None


def test_a_swap_puts_the_purge_off(stores: Stores) -> None:
    start(stores)
    stores.sessions.time_shift = 9_000
    stores.sessions.swap_session("s1", 1, TIMES, DETAILS)
    stores.sessions.time_shift = 9_000 + TIMES.idle
    stores.throttles.refund("any", ["write"])
    assert stores.sessions.find_session("s1") is not None


def test_throttles_and_remembered_devices_leave_their_tables_when_they_are_over(stores: Stores) -> None:
    def use(name: str) -> None:
        stores.throttles.admit(LoginCounters(name, LoginCounter(name, 5, 60)), forget_after=100)
        stores.throttles.hit(name, 100)
        stores.throttles.record_success(name, own="own", shared=None, device=name, lifetime=100)

    use("old")
    delayed = LoginCounter("delayed for longer", free=-9, max_delay=500)
    stores.throttles.admit(LoginCounters("delayed", delayed), forget_after=1)
    stores.sessions.time_shift = 200
    use("new")
    stores.sessions.time_shift = 261
    stores.throttles.refund("any", ["write"])
    assert rows(stores, "watchword_throttles") == 3  # two with the new name, and the delayed counter
    assert rows(stores, "watchword_remembered") == 1


def test_a_purge_takes_a_batch_with_each_write_until_none_is_left(stores: Stores) -> None:
    for number in range(2 * PURGE_BATCH + 1):
        stores.throttles.hit(f"key {number}", 1)
    stores.sessions.time_shift = 120
    left = []
    for _ in range(4):
        stores.throttles.refund("any", ["write"])
        left.append(rows(stores, "watchword_throttles"))
    assert left == [PURGE_BATCH + 1, 1, 0, 0]


def test_threads_share_one_store(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 5.0)
    threads = [threading.Thread(target=start, args=(stores, f"s{number}")) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores.sessions.list_live_sessions("alice")) == 30


def test_two_stores_on_one_file_write_without_losing_each_others_updates(
    stores: Stores, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 5.0)
    both = [open_sql_stores(f"sqlite:///{path}") for _ in range(2)]

    def charge_often(charged: Stores) -> list[float]:
        counters = LoginCounters("alice", LoginCounter("own", free=1_000, max_delay=1))
        return [charged.throttles.admit(counters, forget_after=100).wait for _ in range(40)]

    with ThreadPoolExecutor(2) as pool:
        waits = [wait for waits in pool.map(charge_often, both) for wait in waits]
    assert waits == [0.0] * 80
    with stores.backends[0].begin_read() as connection:
        assert connection.exec_driver_sql("SELECT charges FROM watchword_throttles").scalar_one() == 80
    for opened in both:
        opened.close()


# -- what the process may not do -----------------------------------------------------------------


OPEN_AS_ANOTHER_USER = """
import os, sys
from watchword.errors import InvalidSettings
from watchword.stores import open_sql_stores
open_sql_stores("sqlite://").close()  # all that is imported now is there when it can no longer be read
if os.getuid() == 0:
    os.setuid(65534)
try:
    open_sql_stores(sys.argv[1]).close()
except InvalidSettings as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("directory_mode", "file_mode", "refused"),
    [(0o555, None, "."), (0o555, 0o666, "."), (0o777, 0o400, "app.db")],
)
def test_a_path_without_the_rights_is_named_with_what_to_do(
    directory_mode: int, file_mode: int | None, refused: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "app.db"
        if file_mode is not None:
            file.touch()
            file.chmod(file_mode)
        file.parent.chmod(directory_mode)
        done = subprocess.run(
            [sys.executable, "-c", OPEN_AS_ANOTHER_USER, f"sqlite:///{file}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        file.parent.chmod(0o700)
    assert f"database_url: {file.parent / refused} must be readable and writable" in done.stdout
    assert "Permission denied. Change its owner or mode" in done.stdout


def test_what_sqlite_says_is_logged_with_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "app.db"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable):
        open_sql_stores(f"sqlite:///{file}")
    assert f"the store does not answer: {file}: file is not a database" in caplog.text
