"""A relative path of an SQLite file is relative to the application's instance folder."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
from contextlib import closing

import flask
import pytest

from watchword import Auth, Settings
from watchword.errors import InvalidSettings
from watchword.server.app import create_app
from watchword.web.flask import Watchword

PASSWORD = "correct horse battery"


def configured(folder, url="sqlite:///app.db"):
    app = flask.Flask("configured", instance_path=str(folder))
    app.config["WATCHWORD_DATABASE_URL"] = url
    return app


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """The working directory, beside the instance folder."""
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    return working


def test_the_folder_is_made_when_the_store_opens_and_the_log_has_the_absolute_path(tmp_path, caplog):
    caplog.set_level(logging.INFO, "watchword.web")
    auth = Watchword(configured(tmp_path / "folder" / "instance"))
    assert not (tmp_path / "folder").exists()
    auth.open()
    auth.close()
    assert (tmp_path / "folder/instance/app.db").exists()
    assert f"The database is {tmp_path}/folder/instance/app.db" in caplog.messages


@pytest.mark.parametrize("given", ["settings", "argument", "configuration"])
def test_a_relative_path_means_the_same_wherever_it_is_given(tmp_path, given):
    app = configured(tmp_path / "instance", "sqlite:///app.db" if given == "configuration" else "sqlite://")
    options = {
        "settings": {"settings": Settings(database_url="sqlite:///app.db")},
        "argument": {"database_url": "sqlite:///app.db"},
        "configuration": {},
    }[given]
    auth = Watchword(app, **options)
    auth.open()
    auth.close()
    assert (tmp_path / "instance/app.db").exists()


def test_other_databases_need_no_folder(tmp_path, directory):
    for url in ("sqlite://", "sqlite:///:memory:", f"sqlite:///{directory}/absolute.db"):
        auth = Watchword(configured(tmp_path / "instance", url))
        auth.open()
        auth.close()
    given = Auth("sqlite:///given.db")
    Watchword(configured(tmp_path / "instance"), given).open()
    given.close()
    assert not (tmp_path / "instance").exists()
    assert (directory / "absolute.db").exists()
    assert (directory / "given.db").exists()


def test_the_ready_made_server_takes_a_path_from_the_working_directory(directory):
    app = create_app(Settings(database_url="sqlite:///served.db"))
    app.state.auth.close()
    assert (directory / "served.db").exists()


def test_a_database_at_the_old_place_is_refused_until_it_is_moved_as_the_error_says(tmp_path, directory):
    old = Auth("sqlite:///app.db")
    old.accounts.add("alice", PASSWORD)
    old.close()
    with pytest.raises(InvalidSettings, match=f"{directory}/app.db exists") as refused:
        Watchword(configured(tmp_path / "in stance"))
    command = str(refused.value).split("`")[1]
    assert "app.db.secret" in command
    subprocess.run(["sh", "-euc", command], check=True)
    auth = Watchword(configured(tmp_path / "in stance"))
    assert auth.core.login("alice", PASSWORD)
    auth.close()
    assert list(directory.iterdir()) == []


def test_a_database_at_the_old_place_may_stay_there_under_its_absolute_path(tmp_path, directory):
    Auth("sqlite:///app.db").close()
    with pytest.raises(InvalidSettings) as refused:
        Watchword(configured(tmp_path / "instance"))
    url = str(refused.value).rpartition(" ")[2]
    auth = Watchword(configured(tmp_path / "instance", url))
    auth.open()
    auth.close()
    assert not (tmp_path / "instance").exists()


def test_a_database_at_both_places_is_the_one_in_the_instance_folder(tmp_path, directory):
    (tmp_path / "instance").mkdir()
    for place in (f"{tmp_path}/instance", directory):
        Auth(f"sqlite:///{place}/app.db").close()
    before = (directory / "app.db").read_bytes()
    auth = Watchword(configured(tmp_path / "instance"))
    auth.open()
    auth.close()
    assert (directory / "app.db").read_bytes() == before


def test_a_database_at_the_old_place_is_not_replaced_by_a_file_of_another_extension(tmp_path, directory):
    old = Auth("sqlite:///app.db")
    old.accounts.add("alice", PASSWORD)
    old.close()
    (tmp_path / "instance").mkdir()
    with closing(sqlite3.connect(tmp_path / "instance/app.db")) as database:
        database.execute("CREATE TABLE orders (id INTEGER)")  # Flask-SQLAlchemy looked here before
    with pytest.raises(
        InvalidSettings, match=r"instance/app.db, which has no tables of Watchword"
    ) as refused:
        Watchword(configured(tmp_path / "instance"))
    assert "`" not in str(refused.value), "a move would replace the orders"
    auth = Watchword(configured(tmp_path / "instance", str(refused.value).rpartition(" ")[2]))
    assert auth.core.login("alice", PASSWORD)
    auth.close()


@pytest.mark.parametrize("content", ["tables of the application", "another kind of file", "nothing"])
def test_a_file_of_the_application_in_the_working_directory_is_left_alone(tmp_path, directory, content):
    file = directory / "app.db"
    if content == "tables of the application":
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE users (id INTEGER)")
    else:
        file.write_text("name,value\n" * 100 if content == "another kind of file" else "")
    before = file.read_bytes()
    auth = Watchword(configured(tmp_path / "instance"))
    auth.open()
    auth.close()
    assert (tmp_path / "instance/app.db").exists()
    assert [file] == list(directory.iterdir())
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    auth = Watchword(configured(tmp_path / "file" / "instance"))
    with pytest.raises(InvalidSettings, match=f"the folder {tmp_path}/file/instance for the database app.db"):
        auth.open()
