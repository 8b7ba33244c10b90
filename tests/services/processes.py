"""Servers that are not ours, and stop at the end of the tests that they are started for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from watchword_servers import ServerProcess, until

__all__ = ["start_program_of_session", "start_program_once"]


def _starter() -> Iterator[Callable[..., ServerProcess]]:
    started: list[ServerProcess] = []

    def start(
        command: Sequence[str | Path], directory: Path, port: int, *, probe: str, **environment: str
    ) -> ServerProcess:
        program = ServerProcess(directory, list(map(str, command)), environment, port, probe=probe)
        started.append(program)
        until(program.is_serving, f"{Path(command[0]).name} serves")
        return program

    yield start
    for program in reversed(started):
        program.stop()


start_program_once = pytest.fixture(_starter, scope="module", name="start_program_once")
start_program_of_session = pytest.fixture(_starter, scope="session", name="start_program_of_session")
