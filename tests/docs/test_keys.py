"""docs/keys.md: its picture is what the schedule says, and its commands work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchword import Auth

DOCUMENT = Path("docs/keys.md").read_text("utf-8")
BLOCKS = re.findall(r"^ *```sh\n(.*?)^ *```", DOCUMENT, re.DOTALL | re.MULTILINE)
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")},
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_picture_is_what_the_schedule_says() -> None:
    assert run(sys.executable, "docs/draw_key_life.py").stdout == Path("docs/key-life.svg").read_text("utf-8")


@pytest.mark.parametrize("commands", BLOCKS)
def test_every_command_works(commands: str, tmp_path: Path) -> None:
    auth = Auth(f"sqlite:///{tmp_path}/watchword.db")
    (tmp_path / "access-token").write_text(auth.start("alice").access_token)
    auth.close()
    done = run("bash", "-euo", "pipefail", "-c", commands, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
