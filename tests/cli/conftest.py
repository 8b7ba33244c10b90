"""What the tests of this room share: the command in an empty directory and a clean environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from watchword import Auth
from watchword.cli.main import main
from watchword.sessions import Tokens

PASSWORD = "correct horse battery"

Command: TypeAlias = Callable[..., Result]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty; nothing in the environment that the command would read."""
    monkeypatch.chdir(tmp_path)
    ours = {"ADMIN_PASSWORD", "DATABASE_URL", "HOST", "PORT", "SESSIONS_URL"}
    pythons = {"PYTHONUNBUFFERED"}  # a person's shell has no such thing
    for name in tuple(os.environ):
        if name.startswith("WATCHWORD_") or name in ours | pythons:
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def watchword(directory: Path) -> Command:
    """Runs the command: ``watchword("account", "list")``. What it does not catch fails the test."""

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def alice(watchword: Command) -> str:
    """An account, and with it a database."""
    added = watchword("account", "add", "alice", "--scope", "read", "--password-stdin", stdin=PASSWORD + "\n")
    assert added.exit_code == 0
    return "alice"


@pytest.fixture
def tokens(alice: str) -> Tokens:
    """A login of that account's, made in the database behind the command's back."""
    auth = Auth()
    tokens = auth.login(alice, PASSWORD)
    auth.close()
    return tokens
