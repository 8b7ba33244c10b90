"""Fuzzes whatever takes a stranger's bytes: ``make fuzz``.

No input may make anything but a refusal of ours, nor take ten times as long as a good one of its size. What
does is printed as a Python literal, with the line that gives it to its target again.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from targets import TARGETS
from verdict import Judge

HERE = Path(__file__).parent
GRACE = 120  # seconds, for what is not fuzzing: a start, a last slow input
LAST_LINES = 40  # of what a worker said that has found something


class Outcome(NamedTuple):
    """What came of one target.

    Attributes:
        name: of the target.
        runs: inputs that it was given.
        coverage: branches of Watchword's that they reached.
        said: what the worker said, if something is wrong.
        found: the inputs that did it.
    """

    name: str
    runs: int
    coverage: int
    said: str
    found: tuple[bytes, ...]


def main() -> int:
    arguments = _arguments()
    if arguments.input is not None:
        for name in arguments.targets:
            Judge(TARGETS[name])(ast.literal_eval(arguments.input))
        return 0
    failed = 0
    names, jobs = arguments.targets or list(TARGETS), os.cpu_count() or 1
    seconds = max(1, arguments.seconds * min(jobs, len(names)) // len(names))
    with ThreadPoolExecutor(jobs) as pool:
        for outcome in pool.map(lambda name: fuzz(name, seconds), names):
            print(report(outcome, seconds), flush=True)
            failed += bool(outcome.said)
    return 1 if failed else 0


def fuzz(name: str, seconds: int, worker: Sequence[str | Path] = (HERE / "worker.py",)) -> Outcome:
    """Fuzz one target in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.run(
            [sys.executable, *worker, name, folder, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds + GRACE,
        )
        found = tuple(path.read_bytes() for path in sorted(Path(folder).glob("*-*")))
    said = process.stdout.decode(errors="replace")
    return Outcome(
        name,
        _last_number(r"number_of_executed_units: (\d+)", said),
        _last_number(r"cov: (\d+)", said),
        "\n".join(said.splitlines()[-LAST_LINES:]) if process.returncode else "",
        found,
    )


def report(outcome: Outcome, seconds: int) -> str:
    """A line if all is well, else all that helps to mend it."""
    name, runs, coverage, said, found = outcome
    line = f"{name:20}{runs:>12,} inputs{runs // seconds:>10,} a second{coverage:>8,} branches"
    if not said:
        return line
    again = [f"python fuzz/run.py {name} --input {shlex.quote(str(data))}" for data in found]
    return "\n".join((said, line, "FAILED; to see it again:", *again))


def _last_number(pattern: str, said: str) -> int:
    return int((re.findall(pattern, said) or ["0"])[-1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="all, by default")
    parser.add_argument("--seconds", type=int, default=120, help="for all targets together")
    parser.add_argument("--input", help="give them this one only, a bytes literal")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
