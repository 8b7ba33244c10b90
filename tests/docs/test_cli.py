"""docs/cli.md names every command and option, and its examples answer as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from watchword import Auth
from watchword.cli.main import main

DOCUMENT = Path("docs/cli.md").read_text("utf-8")
SECTIONS = {text.split("\n", 1)[0]: text for text in re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]}
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")},
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}

APPLICATION = """
from flask import Flask
from watchword.web.flask import Watchword

app = Flask(__name__)
app.config.update(WATCHWORD_DATABASE_URL="sqlite:///app.db", WATCHWORD_ISSUER="https://app.example")
Watchword(app)
"""


def examples(section: str) -> list[tuple[str, str]]:
    """Each command with what it says, standard error included, and its exit status where it is not 0."""
    blocks = re.findall(r"```console\n(.*?)```", SECTIONS[section], re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)


def said(command: str, directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout + (f"[{done.returncode}]\n" if done.returncode else "")


def fits(shown: str, documented: str) -> bool:
    """Whether they are the same, but for the width of columns and what ``...`` stands for."""
    lines = (
        "(?s:.*)" if line == "..." else re.escape(narrow(line)).replace(re.escape("..."), ".*")
        for line in documented.splitlines()
    )
    narrowed = "\n".join(map(narrow, shown.splitlines()))
    return re.fullmatch("\n".join(lines), narrowed) is not None


def narrow(line: str) -> str:
    return re.sub(" +", " ", line).rstrip()


@pytest.fixture
def account(tmp_path: Path) -> None:
    """What the examples about tokens begin with."""
    auth = Auth(f"sqlite:///{tmp_path}/watchword.db")
    auth.accounts.add("alice", "correct horse battery", ("read", "write"))
    tokens = auth.login("alice", "correct horse battery")
    (tmp_path / "access-token").write_text(tokens.access_token)
    (tmp_path / "jwks.json").write_text(json.dumps(auth.jwks()))
    auth.close()


def test_the_examples_about_accounts_answer_as_they_say(tmp_path: Path) -> None:
    for command, documented in examples("Accounts"):
        assert fits(shown := said(command, tmp_path), documented), f"{command}\n{shown}"


def test_the_examples_about_tokens_answer_as_they_say(tmp_path: Path, account: None) -> None:
    for command, documented in examples("Tokens"):
        assert fits(shown := said(command, tmp_path), documented), f"{command}\n{shown}"


def test_the_examples_about_the_database_answer_as_they_say(tmp_path: Path, account: None) -> None:
    for command, documented in examples("Database"):
        assert fits(shown := said(command, tmp_path), documented), f"{command}\n{shown}"


def test_the_examples_about_keys_answer_as_they_say(tmp_path: Path, account: None) -> None:
    for command, documented in examples("Keys"):
        shown = re.sub(r"\d+ seconds? ago", "0 seconds ago", said(command, tmp_path))
        assert fits(shown, documented), f"{command}\n{shown}"


def test_the_examples_about_an_application_answer_as_they_say(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    for command, documented in examples("In a Flask application"):
        assert fits(shown := said(command, tmp_path), documented), f"{command}\n{shown}"


def commands(group: click.Group, path: str = "watchword") -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        nested = isinstance(command, click.Group)
        found += commands(command, f"{path} {name}") if nested else [(f"{path} {name}", command)]
    return found


@pytest.mark.parametrize(("name", "command"), commands(main), ids=lambda value: str(value)[:30])
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    assert f"| [`{name}`]" in DOCUMENT
    usage = " ".join(re.findall(rf"`{name}( [^`]*)?`", DOCUMENT))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in usage
