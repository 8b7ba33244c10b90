"""Every code block of the README runs, as it stands there."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path("README.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: (\w+) -->\n```\w+\n(.*?)```", README, re.DOTALL))
PASSWORD = "correct horse battery"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real server on an empty database, started as ``make run`` does."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from watchword.cli.main import main; main()", "serve"],
        cwd=tmp_path,
        env={**environment, "PORT": str(port), "ADMIN_PASSWORD": PASSWORD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    _wait_until_ready(base)
    yield base
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0


def _wait_until_ready(base: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError("the server did not start")


def test_the_curl_session_runs_as_it_stands(server: str) -> None:
    assert f"ADMIN_PASSWORD='{PASSWORD}' make run" in README
    script = BLOCKS["curl"].replace("http://127.0.0.1:8000", server)

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True
    )

    greeting, refreshed, sessions, refused = _json_objects(run.stdout)
    assert greeting == {"message": "Hello, admin!"}
    assert refreshed["token_type"] == "Bearer"
    assert [session["current"] for session in sessions["sessions"]] == [True]
    assert refused == {"error": "invalid_token", "error_description": "the session has ended"}
    assert f"The last answer is `{json.dumps(refused, separators=(',', ':'))}`." in README


def _json_objects(text: str) -> list[dict[str, object]]:
    decoder, objects, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        found, position = decoder.raw_decode(text, position)
        objects.append(found)
        position += len(text[position:]) - len(text[position:].lstrip())
    return objects


def test_the_flask_application_guards_its_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "readme_app.py").write_text(BLOCKS["flask"], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    readme_app = importlib.import_module("readme_app")
    app, auth = readme_app.app, readme_app.auth

    with app.app_context():
        tokens = auth.desk.start("user-1", username="alice")
    client = app.test_client()

    assert client.get("/protected").status_code == 401
    answer = client.get("/protected", headers={"Authorization": f"Bearer {tokens.access_token}"})
    assert answer.json == {"message": "Hello, alice!"}
    with app.app_context():
        auth.desk.close()


def test_the_codec_example_runs() -> None:
    namespace: dict[str, object] = {}

    exec(compile(BLOCKS["codec"], "README.md", "exec"), namespace)

    assert namespace["claims"]["sub"] == "user-1"


def test_every_code_block_but_the_commands_is_tested() -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    commands = ["make run      # sets", "ADMIN_PASSWORD="]

    untested = [block for _, block in blocks if block not in BLOCKS.values()]

    assert len(untested) == len(commands)
    assert all(block.startswith(command) for block, command in zip(untested, commands, strict=True))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_a_link_leads_somewhere(target: str) -> None:
    assert Path(target).exists()
