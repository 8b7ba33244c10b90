"""``watchword account``, as a person meets it at the terminal."""

from __future__ import annotations

import json
import os
import pty
import pwd
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watchword import Auth
from watchword.errors import InvalidCredentials, SessionEnded
from watchword.sessions import Tokens

PASSWORD = "correct horse battery"
AROUND = "repeats, digits or punctuation around it"
OTHER = "another correct horse"
WATCHWORD = Path(sys.executable).with_name("watchword")


def logs_in(username: str, password: str) -> bool:
    auth = Auth()
    try:
        auth.login(username, password)
    except InvalidCredentials:
        return False
    finally:
        auth.close()
    return True


def is_good(tokens: Tokens) -> bool:
    auth = Auth()
    try:
        auth.authenticate(tokens.access_token)
    except SessionEnded:
        return False
    finally:
        auth.close()
    return True


# -- adding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nnot the password\n"])
def test_an_account_logs_in_with_the_first_line_of_standard_input(watchword, ending) -> None:
    added = watchword("account", "add", "alice", "--password-stdin", stdin=PASSWORD + ending)

    assert added.exit_code == 0
    assert added.stdout.startswith("Added alice (subject ")
    assert PASSWORD not in added.output
    assert logs_in("alice", PASSWORD)


def test_a_password_is_utf_8_whatever_the_locale(watchword, monkeypatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")

    assert (
        watchword("account", "add", "zoë", "--password-stdin", stdin="pâssword is long".encode()).exit_code
        == 0
    )
    assert logs_in("zoë", "pâssword is long")


def test_a_new_database_is_announced_and_is_nobody_elses_to_read(watchword, directory) -> None:
    added = watchword("account", "add", "alice", "--password-stdin", stdin=PASSWORD)

    assert added.stderr.startswith("Made a new database: watchword.db\n")
    for name in ("watchword.db", "watchword.db.secret"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "password", "told"),
    [
        (["alice"], "password", "at least 15 characters"),
        (["alice"], "alicealicealicealice", "password"),
        (["al\u200bice"], PASSWORD, "username"),
        (["alice", "--scope", 'a"b'], PASSWORD, "scopes must be names"),
    ],
)
def test_an_account_that_is_refused_makes_no_database(
    watchword, directory, arguments, password, told
) -> None:
    refused = watchword("account", "add", *arguments, "--password-stdin", stdin=password)

    assert refused.exit_code == 1
    assert told in refused.stderr
    assert list(directory.iterdir()) == []


def test_an_account_in_a_database_that_is_there_announces_none(watchword, alice) -> None:
    assert "Made" not in watchword("account", "add", "bob", "--password-stdin", stdin=PASSWORD).stderr


@pytest.mark.parametrize(
    ("username", "stdin", "sentence"),
    [
        ("alice", b"", "a password must have at least 15 characters"),
        ("alice", b"short\n", "a password must have at least 15 characters"),
        ("alice", b"\ncorrect horse battery\n", "a password must have at least 15 characters"),
        ("alice", b"a" * 2_000_000, "a password must have at most 1024 characters"),
        (
            "alice",
            b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\n",
            "a password must not have surrogate characters",
        ),
        (
            "horse battery 52",
            b"Horse battery 52\n",
            f"a password must not be the username, nor the username with {AROUND}",
        ),
        (
            "alice",
            b"password12345678\n",
            f"a password must not be a common password, nor a common password with {AROUND}",
        ),
        ("", b"correct horse battery\n", "a username must not be empty"),
        (" alice", b"correct horse battery\n", "a username must not begin or end with white space"),
        ("a" * 255, b"correct horse battery\n", "a username must have at most 254 characters"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_a_sentence(watchword, username, stdin, sentence) -> None:
    refused = watchword("account", "add", username, "--password-stdin", stdin=stdin)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1] == f"Error: {sentence}"


def test_a_name_that_is_taken_in_other_letters_is_refused(watchword, alice) -> None:
    refused = watchword("account", "add", "ALICE", "--password-stdin", stdin=OTHER)

    assert (refused.exit_code, refused.stderr) == (1, "Error: that username is taken\n")
    assert logs_in("alice", PASSWORD)


@pytest.mark.parametrize("command", ["add", "password"])
def test_a_password_is_no_argument(watchword, alice, command) -> None:
    assert watchword("account", command, "alice", PASSWORD).exit_code == 2
    assert watchword("account", command, "alice", "--password", PASSWORD).exit_code == 2


# -- the prompt ------------------------------------------------------------------------------------


def at_a_terminal(*arguments: str, typing: list[str]) -> tuple[int, str]:
    """The real command on a pseudo-terminal: each text is typed when it asks for something."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(WATCHWORD, [WATCHWORD, *arguments])
    shown = b""
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        for text in typing:
            shown += _until_asked(screen)
            screen.write(text.encode())
        shown += _rest(screen)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


def _until_asked(screen) -> bytes:
    shown = b""
    while not shown.endswith((b"Password: ", b"confirmation: ")):  # typed any earlier, getpass throws it away
        shown += screen.read(1)
    return shown


def _rest(screen) -> bytes:
    shown = b""
    try:
        while piece := screen.read(1024):
            shown += piece
    except OSError:  # how Linux says that nobody has the terminal open any more
        return shown
    return shown


def test_the_prompt_asks_twice_and_shows_nothing_of_it(directory) -> None:
    status, shown = at_a_terminal(
        "account", "add", "alice", typing=[f"{PASSWORD}\n", "a slip of the finger\n", *[f"{PASSWORD}\n"] * 2]
    )

    assert status == 0
    assert "do not match" in shown
    assert "Added alice" in shown
    assert PASSWORD not in shown
    assert "slip" not in shown
    assert logs_in("alice", PASSWORD)


def test_control_c_at_the_prompt_changes_nothing(alice) -> None:
    status, shown = at_a_terminal("account", "password", "alice", typing=["half a pass\x03"])

    assert status == 1
    assert "Aborted!" in shown
    assert "Traceback" not in shown
    assert logs_in("alice", PASSWORD)


def test_control_c_at_the_prompt_makes_no_database(directory) -> None:
    assert at_a_terminal("account", "add", "alice", typing=["\x03"])[0] == 1
    assert list(directory.iterdir()) == []


def test_where_no_terminal_is_to_ask_on_it_says_so(directory) -> None:
    # a session of its own has no controlling terminal
    refused = subprocess.run(
        [WATCHWORD, "account", "add", "alice"],
        input="not asked for\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )

    assert refused.returncode == 2
    assert "no terminal to read the password from. Use --password-stdin" in refused.stderr
    assert "Warning" not in refused.stderr
    assert list(directory.iterdir()) == []


# -- looking after ---------------------------------------------------------------------------------


def test_the_list_shows_who_is_there_and_no_secret(watchword, alice) -> None:
    watchword("account", "add", "bob", "--password-stdin", stdin=PASSWORD)
    watchword("account", "disable", "bob")

    heading, first, second = watchword("account", "list").stdout.splitlines()

    assert heading.split() == ["username", "subject", "scopes", "state", "created"]
    assert [first.split()[index] for index in (0, 2, 3, -1)] == ["alice", "read", "enabled", "UTC"]
    assert [second.split()[index] for index in (0, 2, -1)] == ["bob", "disabled", "UTC"]
    assert "argon2" not in first + second


def test_the_list_is_not_cut_to_the_width_of_a_terminal(watchword, alice, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    watchword("account", "add", "x" * 100, "--password-stdin", stdin=PASSWORD)

    assert "x" * 100 in watchword("account", "list").stdout


def test_a_disabled_account_is_out_at_once_and_an_enabled_one_logs_in_again(watchword, tokens) -> None:
    assert watchword("account", "disable", "Alice").stdout == "Disabled alice and ended its sessions\n"
    assert not logs_in("alice", PASSWORD)
    assert not is_good(tokens)

    assert watchword("account", "enable", "alice").stdout == "Enabled alice\n"
    assert logs_in("alice", PASSWORD)
    assert not is_good(tokens)


def test_new_scopes_and_a_new_name_hold_from_the_next_refresh_and_end_nothing(watchword, tokens) -> None:
    set_scopes = watchword("account", "scopes", "alice", "--scope", "write", "--scope", "read")
    assert set_scopes.stdout == "Set the scopes of alice\n"
    assert watchword("account", "scopes", "alice").stdout == "write read\n"
    assert watchword("account", "rename", "alice", "Alina").stdout == "Renamed alice to Alina\n"
    assert logs_in("alina", PASSWORD)
    assert not logs_in("alice", PASSWORD)
    assert is_good(tokens)
    auth = Auth()
    identity = auth.authenticate(auth.refresh(tokens.refresh_token).access_token)
    auth.close()
    assert (identity.username, identity.scopes) == ("Alina", ("write", "read"))
    assert watchword("account", "scopes", "alina", "--none").exit_code == 0
    assert watchword("account", "scopes", "alina").stdout == "\n"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("scopes", "alice", "--scope", "a b"), 1, "Error: scopes must be names "),
        (("scopes", "alice", "--scope", "a", "--none"), 2, "--scope and --none exclude each other"),
        (("rename", "alice", ""), 1, "Error: "),
        (("rename", "alice", "bob"), 1, "Error: that username is taken"),
        (("rename", "nobody", "carol"), 1, "Error: there is no account 'nobody'. `watchword account list` "),
    ],
)
def test_scopes_and_names_that_cannot_be_are_refused(watchword, alice, arguments, status, sentence) -> None:
    watchword("account", "add", "bob", "--password-stdin", stdin=OTHER)
    refused = watchword("account", *arguments)
    assert (refused.exit_code, refused.stdout) == (status, "")
    assert sentence in refused.stderr
    assert watchword("account", "scopes", "alice").stdout == "read\n"


def test_a_deleted_account_is_out_at_once_and_its_name_is_free(watchword, tokens) -> None:
    assert watchword("account", "delete", "Alice").stdout == "Deleted alice and ended its sessions\n"
    assert not is_good(tokens)
    assert not logs_in("alice", PASSWORD)
    assert "alice" not in watchword("account", "list").stdout

    assert watchword("account", "add", "alice", "--password-stdin", stdin=OTHER).exit_code == 0
    assert logs_in("alice", OTHER)
    assert not is_good(tokens)


def test_a_new_password_ends_the_sessions_and_the_old_one(watchword, tokens) -> None:
    changed = watchword("account", "password", "alice", "--password-stdin", stdin=OTHER)

    assert changed.stdout == "Changed the password of alice and ended its sessions\n"
    assert logs_in("alice", OTHER)
    assert not logs_in("alice", PASSWORD)
    assert not is_good(tokens)


def test_a_refused_password_leaves_the_old_one_and_the_sessions(watchword, tokens) -> None:
    assert watchword("account", "password", "alice", "--password-stdin", stdin="short").exit_code == 1
    assert logs_in("alice", PASSWORD)
    assert is_good(tokens)


@pytest.mark.parametrize("command", ["disable", "enable", "delete", "password"])
@pytest.mark.parametrize(
    ("username", "shown"),
    [("alcie", "alcie"), ("", ""), ("\udcff", r"\udcff"), ("a" * 5000, "a" * 254)],
    ids=["misspelt", "empty", "surrogate", "long"],
)
def test_a_misspelt_name_is_refused_before_anything_is_asked(
    watchword, alice, command, username, shown
) -> None:
    refused = watchword("account", command, username, stdin=f"{OTHER}\n{OTHER}\n")

    assert refused.exit_code == 1
    assert refused.output == f"Error: there is no account '{shown}'. `watchword account list` lists all\n"


def test_each_change_is_recorded_with_the_time_and_the_system_user(watchword, tokens, monkeypatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")

    disabled = watchword("account", "disable", "alice")

    records = [json.loads(line) for line in disabled.stderr.splitlines()]
    assert [record["event"] for record in records] == ["account_disabled", "session_ended"]
    for record in records:
        assert record["actor"] == f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
        assert record["subject"] == tokens.subject
        age = datetime.now(UTC) - datetime.fromisoformat(record["time"])
        assert timedelta(0) <= age < timedelta(minutes=1)


def test_a_system_user_without_a_name_is_recorded_by_its_number(watchword, alice, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000_680_000)

    enabled = watchword("account", "enable", "alice")

    assert json.loads(enabled.stderr)["actor"] == "cli:1000680000"


# -- the wrong place -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("disable", "alice"), ("enable", "alice"), ("delete", "alice"), ("password", "alice")],
)
def test_the_wrong_directory_is_named_and_no_database_made_there(watchword, directory, arguments) -> None:
    refused = watchword("account", *arguments)

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: there is no database watchword.db here: change to its directory")


def test_a_database_is_not_made_where_there_is_no_directory(watchword, directory, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///elsewhere/app.db")

    refused = watchword("account", "add", "alice", "--password-stdin", stdin=PASSWORD)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "Error: there is no directory elsewhere to make the database in\n"
    assert list(directory.iterdir()) == []
