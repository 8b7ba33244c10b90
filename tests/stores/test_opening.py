from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from redis_servers import RedisServer, free_port

from watchword.errors import InvalidSettings, MissingExtra, StoreUnavailable
from watchword.settings import Settings
from watchword.stores import Stores, open_sql_stores, open_stores, resolve_settings
from watchword.testing.store_contract.accounts import insert_account
from watchword.testing.store_contract.session_calls import start


def test_a_url_opens_the_store_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stores = open_sql_stores("sqlite:///app.db")
    assert stores.accounts.list_accounts() == []
    assert (tmp_path / "app.db").stat().st_size > 0
    stores.close()


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
        open_sql_stores(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///app.db\n", "white space around it"),
        (" sqlite:///app.db", "white space around it"),
        ("sqlite:///a\npp.db", "a line break or another control character"),
        ("postgresql://user:secret@host/app\r\n", "white space around it"),
        ('"postgresql://user:secret@host/app"', "without quotes"),
        ("postgresql://user:se/cret@host:port/app", "/ is %2F"),
        (
            "postgresql+psycopg2://user:secret@host/app",
            r"postgresql\+psycopg2:// names another driver. Write postg",
        ),
        ("postgresql+asyncpg://user:secret@host/app", "Write postgresql://"),
        ("sqlite://app.db", "three slashes"),
        ("postgresql://user:secret@host/app?schema=auth", "options=-csearch_path%3DNAME"),
        ("postgresql://user:secret@host/app?ssl=true", "sslmode=require"),
        ("postgresql://user:secret@host/app?pgbouncer=true", "Remove pgbouncer=true"),
        ("postgresql://user:secret@host/app?connection_limit=5", "database_connections"),
        ("postgresql://user:sec@ret@host/app", "%40"),
    ],
)
def test_a_url_as_others_write_it_is_refused_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidSettings, match=sentence) as caught:
        open_sql_stores(url)
    assert str(caught.value).startswith("database_url")
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidSettings, match=sentence):  # an application says so when it starts
        resolve_settings(Settings(database_url=url))


def test_a_missing_sqlalchemy_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delattr("watchword.stores.sql", raising=False)
    for name in [name for name in sys.modules if name.startswith("watchword.stores.s")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"watchword\[sql"):
        open_sql_stores("sqlite://")


@pytest.mark.parametrize("use", [open_sql_stores, lambda url: resolve_settings(Settings(database_url=url))])
def test_a_missing_psycopg_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch, use) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"watchword\[postgres\]"):
        use("postgresql://user:secret@host/app")


def test_another_missing_module_is_not_taken_for_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchword.stores.sql.opening", None)
    with pytest.raises(ModuleNotFoundError, match=r"watchword\.stores\.sql"):
        open_sql_stores("sqlite://")


def test_a_database_in_a_missing_directory_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        open_sql_stores(f"sqlite:///{tmp_path}/nowhere/app.db")


# -- accounts here, the rest in Redis --------------------------------------------------------------------


def open_split(database_url: str, sessions_url: str) -> Stores:
    return open_stores(Settings(database_url=database_url, sessions_url=sessions_url))


def test_accounts_are_in_sql_and_the_rest_is_in_redis(tmp_path: Path, redis_server: RedisServer) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    with closing(open_split(url, redis_server.url)) as stores:
        account = insert_account(stores.accounts)
        session = start(stores.sessions, account.subject)
        assert (stores.file, stores.in_memory) == (None, False), "the keys are not in the file"
    assert redis_server.ask("DBSIZE") > 0
    with closing(open_sql_stores(url)) as stores:
        assert stores.accounts.list_accounts() == [account]
        assert stores.sessions.find_session(session.id) is None


def test_stores_answer_only_if_each_backend_does(redis_server: RedisServer) -> None:
    with closing(open_split("sqlite://", redis_server.url)) as stores:
        assert stores.now() > 0
        redis, sql = stores.backends
        sql.close()  # the database in memory is gone
        assert redis.now() > 0
        with pytest.raises(StoreUnavailable):
            stores.now()


def test_without_a_redis_url_nothing_of_redis_is_imported(tmp_path: Path) -> None:
    script = f"""
import sys
from watchword import Auth
Auth("sqlite:///{tmp_path}/app.db").close()
print(*sys.modules, sep="\\n")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "watchword.stores.sql.opening" in imported
    assert not imported & {"redis", "watchword.stores.redis.opening"}


def test_a_missing_redis_py_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delattr("watchword.stores.redis", raising=False)
    for name in [name for name in sys.modules if name.startswith(("watchword.stores.redis", "redis."))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"watchword\[redis\]"):
        open_split("sqlite://", "redis://localhost")


def test_a_redis_that_is_not_there_is_unavailable_and_a_wrong_url_refused() -> None:
    with pytest.raises(StoreUnavailable):
        open_split("sqlite://", f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(InvalidSettings, match="sessions_url"):
        open_split("sqlite://", "sqlite://")


def test_the_opening_of_before_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"stores\.open_store is deprecated: use .*\.open_sql_stores"):
        from watchword.stores import open_store  # noqa: PLC0415
    open_store("sqlite://").close()
