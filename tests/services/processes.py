"""Programs that tests start beside themselves. Each has a log, and stops at the end of its test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from watchword_servers import PATIENCE, clean_environment, until

__all__ = ["Program"]


class Program:
    """A process with the files of its own.

    Args:
        command: its command line.
        directory: where it runs, and writes its log.
        environment: what is added to the environment of the tests.
    """

    def __init__(
        self, command: Sequence[str | Path], directory: Path, environment: Mapping[str, str]
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / f"{Path(command[0]).name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                list(map(str, command)),
                cwd=directory,
                env=clean_environment(dict(environment)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until(self, is_serving: Callable[[], bool]) -> None:
        """Wait until it serves. A connection that is refused means that it does not yet."""

        def answers() -> bool:
            assert self._process.poll() is None, self.log
            try:
                return is_serving()
            except OSError:
                return False

        until(answers, "the program serves")

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)


def _starter() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(command: Sequence[str | Path], directory: Path, **environment: str) -> Program:
        started.append(Program(command, directory, environment))
        return started[-1]

    yield start
    for program in reversed(started):
        program.stop()


start_program = pytest.fixture(_starter, name="start_program")
start_program_once = pytest.fixture(_starter, scope="module", name="start_program_once")
