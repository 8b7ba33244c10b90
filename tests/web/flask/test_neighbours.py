"""Other extensions in the same application, the real ones: Flask-WTF, Flask-Migrate, Flask-SQLAlchemy."""

from __future__ import annotations

import logging.config
import subprocess
import sys

import flask
import pytest
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from watchword import Subject
from watchword.web.flask import Watchword

LOGIN = {"username": "7", "password": "right"}


def own_users(username, password):
    return Subject(username, username) if password == "right" else None


@pytest.mark.parametrize("first", ["the protection", "the extension"])
def test_csrf_protection_leaves_our_endpoints_alone_and_all_other_views_protected(first):
    app = flask.Flask("protected")
    app.config.update(WATCHWORD_DATABASE_URL="sqlite://", SECRET_KEY="only for tests")
    if first == "the protection":
        CSRFProtect(app)
    auth = Watchword(app, check_password=own_users)
    if first == "the extension":
        CSRFProtect(app)
    app.add_url_rule("/form", view_func=lambda: "never", methods=["POST"])
    client = app.test_client()
    assert client.post("/form").status_code == 400
    tokens = client.post("/auth/login", json=LOGIN).get_json()
    assert client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200
    auth.close()


@pytest.mark.filterwarnings(
    "ignore:'get_engine' is deprecated:DeprecationWarning"
)  # in Flask-Migrate's env.py
@pytest.mark.parametrize("first", ["Flask-Migrate", "the extension"])
def test_a_generated_migration_leaves_our_tables_alone(tmp_path, monkeypatch, first):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.config, "fileConfig", lambda *_, **__: None)  # Alembic's would silence ours
    url = f"sqlite:///{tmp_path}/app.db"
    app = flask.Flask("migrated")
    app.config.update(WATCHWORD_DATABASE_URL=url, SQLALCHEMY_DATABASE_URI=url)
    db = SQLAlchemy(app)

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    if first == "Flask-Migrate":
        Migrate(app, db)
    auth = Watchword(app)
    if first == "the extension":
        Migrate(app, db)
    auth.open()
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE left_over (id INTEGER)")
    runner = app.test_cli_runner()
    for arguments in (["init"], ["migrate"]):
        done = runner.invoke(app.cli, ["db", *arguments])
        assert done.exit_code == 0, done.output
    (migration,) = (tmp_path / "migrations" / "versions").glob("*.py")
    written = migration.read_text()
    assert "op.create_table('user'" in written
    assert "op.drop_table('left_over')" in written
    assert "watchword" not in written
    auth.close()
    with app.app_context():
        db.engine.dispose()


IMPORTS_LATE = """
import flask
from watchword.web.flask import Watchword

app = flask.Flask("migrated")
app.config.update(WATCHWORD_DATABASE_URL="sqlite:///app.db", SQLALCHEMY_DATABASE_URI="sqlite:///app.db")
Watchword(app).open()

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

Migrate(app, SQLAlchemy(app))
"""


def test_tables_are_hidden_also_where_alembic_is_imported_after_the_extension_is_made(tmp_path):
    (tmp_path / "app.py").write_text(IMPORTS_LATE)
    for command in ("init", "migrate"):
        arguments = [sys.executable, "-W", "ignore", "-m", "flask", "db", command]
        subprocess.run(arguments, cwd=tmp_path, check=True, capture_output=True)
    assert list((tmp_path / "migrations").iterdir())
    assert not list((tmp_path / "migrations" / "versions").glob("*.py")), "nothing has changed"
