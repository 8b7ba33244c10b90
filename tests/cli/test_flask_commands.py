"""``flask watchword ...``, run as a person runs it: the real ``flask`` command on an application's file."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from watchword import Auth
from watchword.errors import InvalidCredentials

PASSWORD = "correct horse battery"
FLASK = Path(sys.executable).with_name("flask")

APPLICATION = """
from flask import Flask
from watchword.web.flask import Watchword

app = Flask(__name__)
app.config.update(
    WATCHWORD_DATABASE_URL="sqlite:///app.db",
    WATCHWORD_ISSUER="https://app.example",
    WATCHWORD_SECRET="hush-hush-hush-hush-hush-hush-hush-hush",
)
"""
ORDINARY = APPLICATION + "auth = Watchword(app)\n"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def flask(directory: Path) -> Run:
    """Runs ``flask --app app watchword ...`` on ``app.py`` in the directory."""

    def run(*arguments: str, stdin: str = "", app: tuple[str, ...] = ("--app", "app"), **environment: str):
        return subprocess.run(
            [FLASK, *app, "watchword", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": f"{FLASK.parent}:{os.environ['PATH']}", **environment},
        )

    return run


@pytest.fixture
def application(directory: Path) -> Path:
    file = directory / "app.py"
    file.write_text(ORDINARY)
    return file


@pytest.fixture
def alice(flask: Run, application: Path) -> str:
    added = flask("account", "add", "alice", "--scope", "read", "--password-stdin", stdin=PASSWORD)
    assert added.returncode == 0, added.stderr
    return "alice"


def opened(directory: Path, file: str = "instance/app.db") -> Auth:
    from watchword import Settings  # noqa: PLC0415

    settings = Settings(secret=("hush-" * 7 + "hush",), issuer="https://app.example")
    return Auth(f"sqlite:///{directory}/{file}", settings=settings)


# -- the application's own store ----------------------------------------------------------------------


def test_an_account_is_added_to_the_database_of_the_application(flask, application, directory) -> None:
    added = flask("account", "add", "alice", "--scope", "read", "--password-stdin", stdin=PASSWORD)
    assert added.stdout.startswith("Added alice (subject ")
    made, act = added.stderr.splitlines()
    assert made == f"Made a new database: {directory}/instance/app.db"
    recorded = json.loads(act)
    assert recorded["event"] == "account_created"
    assert recorded["actor"] == f"cli:{pwd.getpwuid(os.geteuid()).pw_name}"
    assert sorted(path.name for path in directory.iterdir() if path.suffix == ".db") == []
    auth = opened(directory)
    assert auth.login("alice", PASSWORD).scopes == ("read",)
    auth.close()


def test_an_account_that_is_refused_makes_no_database(flask, application, directory) -> None:
    refused = flask("account", "add", "alice", "--password-stdin", stdin="password")
    assert refused.returncode == 1
    assert "at least 15 characters" in refused.stderr
    assert list(directory.rglob("*.db*")) == []


def test_accounts_are_listed_and_disabled(flask, alice, directory) -> None:
    listed = flask("account", "list")
    assert listed.stderr == ""
    assert listed.stdout.splitlines()[1].split()[::2][:2] == ["alice", "read"]
    assert flask("account", "disable", "alice").stdout == "Disabled alice and ended its sessions\n"
    auth = opened(directory)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", PASSWORD)
    auth.close()


def test_keys_rotate_and_the_database_tells_its_schema(flask, alice) -> None:
    rotated = flask("key", "rotate")
    assert [line.split()[0] for line in rotated.stdout.splitlines()] == ["public", "internal"]
    assert [json.loads(line)["event"] for line in rotated.stderr.splitlines()] == ["key_advanced"] * 2
    status = flask("database", "status")
    assert "backend: SQLite" in status.stdout
    assert status.stderr == "The schema is up to date\n"


def test_a_token_of_the_application_is_verified_with_its_settings(flask, alice, directory) -> None:
    auth = opened(directory)
    token = auth.login("alice", PASSWORD).access_token
    auth.close()
    verified = flask("token", "verify", stdin=token)
    assert json.loads(verified.stdout)["iss"] == "https://app.example"


def test_what_the_code_and_the_environment_give_counts(flask, directory) -> None:
    (directory / "app.py").write_text(
        "import flask\nfrom watchword import Settings\nfrom watchword.web.flask import Watchword\n"
        "def create_app():\n    app = flask.Flask('app')\n"
        "    told = lambda event: print('told', event.name)\n"
        "    Watchword(app, database_url='sqlite:///code.db', listeners=[told])\n"
        "    return app\n"
    )
    added = flask(
        "account", "add", "alice", "--password-stdin", stdin="kx7 quay", WATCHWORD_PASSWORD_MIN="8",
        DATABASE_URL="sqlite:///ignored.db",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert "told account_created" in added.stdout
    assert {path.name for path in directory.rglob("*.db")} == {"code.db"}


def test_a_command_has_the_context_of_the_application(flask, directory) -> None:
    (directory / "app.py").write_text(
        APPLICATION + "from flask import current_app\n"
        "def breached(password):\n    return current_app.config['BREACHED'] == password\n"
        f"app.config['BREACHED'] = {PASSWORD!r}\n"
        "Watchword(app, breached=breached)\n"
    )
    refused = flask("account", "add", "alice", "--password-stdin", stdin=PASSWORD)
    assert refused.returncode == 1
    assert "data breach" in refused.stderr


# -- several extensions, and none ----------------------------------------------------------------------

TWO = (
    APPLICATION
    + """
from watchword import Settings
Watchword(app)
Watchword(app, settings=Settings(database_url="sqlite:///staff.db", prefix="/staff/auth"))
"""
)


@pytest.mark.parametrize(("options", "file"), [((), "app.db"), (("--prefix", "/staff/auth"), "staff.db")])
def test_the_first_extension_counts_unless_a_prefix_names_another(flask, directory, options, file) -> None:
    (directory / "app.py").write_text(TWO)
    added = flask(*options, "account", "add", "alice", "--password-stdin", stdin=PASSWORD)
    assert added.returncode == 0, added.stderr
    assert {path.name for path in directory.rglob("*.db")} == {file}


def test_stores_of_the_application_are_used_and_no_database_is_looked_for(flask, directory) -> None:
    (directory / "app.py").write_text(
        APPLICATION + "from watchword.stores import open_sql_stores\n"
        "Watchword(app, stores=open_sql_stores('sqlite:///own.db'))\n"
    )
    added = flask("account", "add", "alice", "--password-stdin", stdin=PASSWORD)
    assert added.stdout.startswith("Added alice")
    assert {path.name for path in directory.iterdir()} >= {"own.db"}
    assert not (directory / "instance").exists()


def test_an_auth_that_the_application_made_is_used_as_it_is(flask, directory) -> None:
    (directory / "app.py").write_text(
        APPLICATION + "from watchword import Auth\nWatchword(app, Auth('sqlite:///given.db'))\n"
    )
    added = flask("account", "add", "alice", "--password-stdin", stdin=PASSWORD)
    assert added.stdout.startswith("Added alice")
    assert json.loads(added.stderr)["event"] == "account_created"
    assert {path.name for path in directory.rglob("*.db")} == {"given.db"}
    refused = flask("database", "status")
    assert refused.returncode == 1
    assert "the application opens its own store" in refused.stderr


VERIFIER = """
from watchword import Key, Verifier
Watchword(app, Verifier(Key.generate("ES256"), issuer="https://other.example", audience="api"))
"""


@pytest.mark.parametrize(
    ("code", "arguments", "sentence"),
    [
        (APPLICATION, ("account", "list"), "the application 'app' has no Watchword extension with accounts"),
        (APPLICATION + VERIFIER, ("account", "list"), "has no Watchword extension with accounts and keys"),
        (
            TWO,
            ("--prefix", "/auht", "account", "list"),
            "of an extension of the application 'app'. Its extensions have: '/auth', '/staff/auth'",
        ),
        (ORDINARY, ("account", "list"), "`flask --app app watchword account add` makes it"),
        (ORDINARY, ("database", "status"), "there is no database "),
        (
            ORDINARY + "app.config.update(WATCHWORD_ISUER='x')\nWatchword(app)\n",
            ("account", "list"),
            "WATCHWORD_ISUER is not a setting. Did you mean WATCHWORD_ISSUER?",
        ),
        (
            ORDINARY.replace("sqlite:///app.db", "sqlite://"),
            ("account", "list"),
            "WATCHWORD_DATABASE_URL names a database in memory",
        ),
        (
            APPLICATION + "from watchword import Auth\nWatchword(app, Auth('sqlite://'))\n",
            ("account", "list"),
            "the application opens a database in memory",
        ),
        (
            ORDINARY.replace("sqlite:///app.db", "postgresql://me:hush-hush@127.0.0.1:1/app"),
            ("account", "list"),
            "the store does not answer",
        ),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_sentence_without_secrets(flask, directory, code, arguments, sentence) -> None:
    (directory / "app.py").write_text(code)
    refused = flask(*arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    *log, told = refused.stderr.splitlines()
    assert told.startswith("Error: ")
    assert sentence in told
    assert len(log) == ("Connection refused" in refused.stderr), "the store logs why it does not answer"
    assert "hush" not in refused.stderr
    assert not list(directory.rglob("*.db"))


def test_without_an_application_flask_says_so_and_help_is_there(flask, directory) -> None:
    refused = flask("account", "list", app=())
    assert refused.returncode == 2
    assert "Could not locate a Flask application" in refused.stderr
    shown = flask("account", "add", "--help", app=())
    assert shown.returncode == 0
    assert "--password-stdin" in shown.stdout


# -- hints and extras ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "environment", "program"),
    [
        (("--app", "app"), {}, "flask --app app watchword"),
        (("-A", "app:app", "--debug"), {}, "flask -A app:app --debug watchword"),
        ((), {"FLASK_APP": "app"}, "flask watchword"),
    ],
)
def test_a_hint_names_the_command_that_was_run(flask, alice, app, environment, program) -> None:
    refused = flask("--prefix", "/auth", "account", "disable", "alcie", app=app, **environment)
    assert f"`{program} --prefix /auth account list` lists all" in refused.stderr


def test_a_hint_after_python_m_flask_names_it(alice) -> None:
    command = [sys.executable, "-m", "flask", "--app", "app", "watchword", "account", "disable", "alcie"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "`python -m flask --app app watchword account list` lists all" in refused.stderr


@pytest.mark.parametrize("module", ["rich", "argon2"])
def test_without_a_part_of_the_extras_it_names_them_and_other_commands_work(
    flask, directory, tmp_path_factory, module
) -> None:
    (directory / "app.py").write_text("from flask import Flask\napp = Flask('app')\n")
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    refused = flask("account", "list", PYTHONPATH=str(hidden))
    assert (refused.returncode, refused.stderr) == (
        1, "Error: this needs an extra: pip install 'watchword[flask,cli]'\n"
    )  # fmt: skip
    routes = subprocess.run(
        [FLASK, "--app", "app", "routes"],
        env={**os.environ, "PYTHONPATH": str(hidden)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (routes.returncode, routes.stderr) == (0, "")


def test_other_commands_of_flask_do_not_import_auth(directory, application) -> None:
    script = "import sys, watchword.cli.flask_commands; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"rich", "sqlalchemy", "argon2", "watchword.auth"} & set(done.stdout.split())
