"""What holds for every command: help, usage, the environment, what goes wrong around it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from watchword.cli.main import main

WATCHWORD = Path(sys.executable).with_name("watchword")


def commands(group: click.Group, path: tuple[str, ...] = ()):
    for name, command in sorted(group.commands.items()):
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [(), *commands(main)], ids=" ".join)
def test_every_command_helps(watchword, directory, command, option) -> None:
    shown = watchword(*command, option)

    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: main {' '.join(command)}".rstrip())
    assert list(directory.iterdir()) == []


def test_the_version_is_the_packages(watchword) -> None:
    assert watchword("--version").stdout.endswith("version 0.1.0\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("account",),
        ("acount", "list"),
        ("account", "lst"),
        ("account", "add"),
        ("account", "disable", "alice", "bob"),
        ("account", "list", "--all"),
        ("token", "verify", "no-such-file"),
        ("token", "inspect", "."),
        ("serve", "--port", "eighty"),
        ("serve", "--port", "65536"),
        ("serve", "--threads", "1"),
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_a_usage_error(watchword, directory, arguments) -> None:
    refused = watchword(*arguments)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Usage: main")
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "WATCHWORD_ISUER",
            "https://api.example",
            "WATCHWORD_ISUER is not a setting. Did you mean WATCHWORD_ISSUER?",
        ),
        (
            "WATCHWORD_ACCESS_LIFETIME",
            "ten",
            "WATCHWORD_ACCESS_LIFETIME must be a whole number of seconds, at least 1, not 'ten'",
        ),
        ("WATCHWORD_SECRET", "too short", "WATCHWORD_SECRET must have at least 32 characters"),
        ("DATABASE_URL", "watchword.db", "database_url must be a URL"),
        (
            "DATABASE_URL",
            "mysql://user:hush-hush@host/db",
            "database_url must begin with sqlite:// or postgresql://, not mysql://",
        ),
        ("DATABASE_URL", "sqlite://", "DATABASE_URL names a database in memory"),
        ("DATABASE_URL", "sqlite://app.db", "database_url: sqlite:/// has three slashes"),
        ("DATABASE_URL", "sqlite:/app.db", "database_url must be a URL such as sqlite:///watchword.db"),
        ("DATABASE_URL", "sqlite:///:memory:", "DATABASE_URL names a database in memory"),
        ("DATABASE_URL", "sqlite:///elsewhere/app.db", "there is no database elsewhere/app.db here"),
    ],
)
def test_an_environment_that_does_not_fit_is_one_sentence(
    watchword, monkeypatch, name, value, sentence
) -> None:
    monkeypatch.setenv(name, value)

    refused = watchword("account", "list")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Error: {sentence}")
    assert refused.stderr.count("\n") == 1
    assert "hush" not in refused.stderr


def test_a_setting_that_is_set_to_nothing_is_not_set(watchword, alice, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("WATCHWORD_ISSUER", "")

    assert watchword("account", "list").exit_code == 0


def test_a_secret_that_does_not_open_the_keys_is_refused(watchword, alice, monkeypatch) -> None:
    monkeypatch.setenv("WATCHWORD_SECRET", "x" * 32)

    assert watchword("account", "list").stderr.startswith("Error: WATCHWORD_SECRET does not open the signing")


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 1000, os.urandom(50_000)], ids=["empty", "text", "noise"]
)
def test_a_file_that_is_no_database_is_an_answer_and_stays_as_it_is(watchword, directory, content) -> None:
    (directory / "watchword.db").write_bytes(content)

    listed = watchword("account", "list")

    if content:
        assert (listed.exit_code, listed.stderr) == (1, "Error: the store does not answer\n")
        assert (directory / "watchword.db").read_bytes() == content
    else:
        assert listed.exit_code == 0  # an empty file is an empty SQLite database


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{WATCHWORD.parent}:{os.environ['PATH']}"},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("command", ["account list", "--version", "account --help"])
def test_output_that_cannot_be_written_is_an_answer(alice, command) -> None:
    refused = run(f"watchword {command} > /dev/full")

    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: No space left on device")
    assert "Traceback" not in refused.stderr


def test_a_hint_runs_as_printed_where_the_command_is_not_on_the_path(directory) -> None:
    (directory / ".venv").symlink_to(WATCHWORD.parent.parent)
    relative = ".venv/bin/watchword"

    by_path = subprocess.run([relative, "account", "list"], capture_output=True, text=True, check=False)

    assert f"`{relative} account add`" in by_path.stderr
    assert "`watchword account add`" in run("watchword account list").stderr


def test_a_file_that_may_not_be_used_is_named_with_what_to_do() -> None:
    @click.command()
    def touch() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/data/watchword.db")

    refused = CliRunner().invoke(type(main)(commands=[touch]), ["touch"])

    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        "Error: /data/watchword.db: Permission denied. Run as the user that owns"
    )


def test_a_reader_that_has_seen_enough_is_no_error_to_talk_of(alice) -> None:
    assert run("watchword account list | true").stderr == ""


@pytest.mark.parametrize("module", ["click", "rich", "argon2"])
def test_without_a_part_of_the_extra_it_names_the_extra(module) -> None:
    hidden = f"import sys; sys.modules[{module!r}] = None; from watchword.cli import run; run()"
    told = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)

    assert (told.returncode, told.stderr) == (
        1,
        "Error: this needs an extra: pip install 'watchword[server]'\n",
    )
