"""Every code block of the README runs, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

README = Path("README.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: (\w+) -->\n```\w+\n(.*?)```", README, re.DOTALL))
PASSWORD = "correct horse battery staple"
SERVER, APPLICATION = "http://localhost:8000", "http://localhost:8001"
PACKAGE = ("src", "README.md", "LICENSE", "pyproject.toml")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real server on an empty database, started as ``make run`` does."""
    port = free_port()
    command = [sys.executable, "-c", "from watchword.cli.main import main; main()", "serve"]
    environment = {"PORT": str(port), "ADMIN_PASSWORD": PASSWORD}
    with running(command, tmp_path, f"http://localhost:{port}", "/readyz", environment) as base:
        yield base


@pytest.fixture
def application(tmp_path: Path) -> Iterator[str]:
    """The Flask section followed to its end, in a copy of what a clone has, with PyPI's packages."""
    for name in PACKAGE:
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy
        copy(name, tmp_path / name)
    run_commands(BLOCKS["install"], tmp_path)
    (tmp_path / "demo/app.py").write_text(BLOCKS["flask"], "utf-8")
    port = free_port()
    command = ["bash", "-euo", "pipefail", "-c", BLOCKS["start"].replace("8001", str(port))]
    with running(
        command, tmp_path / "demo", f"http://localhost:{port}", "/.well-known/jwks.json", {}
    ) as base:
        yield base


@contextmanager
def running(
    command: list[str], directory: Path, base: str, path: str, environment: dict[str, str]
) -> Iterator[str]:
    """What the command serves, from its first answer until its processes are told to stop."""
    log = directory / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=clean_environment() | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(base + path, process, log)
        yield base
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def clean_environment() -> dict[str, str]:
    """An environment in which only the demo's own packages and settings count."""
    ours = re.compile("WATCHWORD_|COVERAGE_|PYTHONPATH$|DATABASE_URL$|VIRTUAL_ENV$")
    return {name: value for name, value in os.environ.items() if not ours.match(name)}


def run_commands(commands: str, directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=directory,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_session_runs_as_it_stands(server: str, tmp_path: Path) -> None:
    assert f"ADMIN_PASSWORD='{PASSWORD}' make run" in README

    answers = run_commands(BLOCKS["curl"].replace(SERVER, server), tmp_path)

    greeting, refreshed, sessions, refused = json_objects(answers)
    assert greeting == {"message": "Hello, admin!"}
    assert refreshed["token_type"] == "Bearer"
    assert [session["current"] for session in sessions["sessions"]] == [True]
    assert refused == {"error": "invalid_token", "error_description": "the session has ended"}
    assert f"The last answer is `{json.dumps(refused, separators=(',', ':'))}`." in README


def json_objects(text: str) -> list[dict[str, object]]:
    decoder, objects, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        found, position = decoder.raw_decode(text, position)
        objects.append(found)
        position += len(text[position:]) - len(text[position:].lstrip())
    return objects


def test_the_flask_section_leads_from_an_empty_folder_to_a_greeting(application: str, tmp_path: Path) -> None:
    answers = run_commands(BLOCKS["alice"].replace(APPLICATION, application), tmp_path)

    assert json_objects(answers) == [{"message": "Hello, alice!"}]


def test_the_codec_example_runs() -> None:
    namespace: dict[str, object] = {}

    exec(compile(BLOCKS["codec"], "README.md", "exec"), namespace)

    assert namespace["claims"]["sub"] == "user-1"


def test_every_code_block_but_the_commands_is_tested() -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    commands = ["ADMIN_PASSWORD="]

    untested = [block for _, block in blocks if block not in BLOCKS.values()]

    assert len(untested) == len(commands)
    assert all(block.startswith(command) for block, command in zip(untested, commands, strict=True))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_a_link_leads_somewhere(target: str) -> None:
    assert Path(target).exists()
