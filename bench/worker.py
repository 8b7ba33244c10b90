"""One library's process: times a case each time the harness names one.

Started with the name of a module in ``contenders``, it says when that is imported. Then each line on standard
input is the name of a function in it and its arguments, each line on standard output the seconds that a call
took, on average over one sample.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path

from cases import Batch, Case

SAMPLE = 4_000_000  # nanoseconds: short enough for some samples to be left alone by the machine's other work
CHUNK = 32  # arguments made at a time: few enough to be in the processor's cache, as a request's header is


def main(contender: str) -> None:
    answers = sys.stdout
    with Path(os.devnull).open("w") as sys.stdout:  # what a library prints is no figure
        module = importlib.import_module(f"contenders.{contender}")
        print("ready", file=answers, flush=True)
        cases: dict[str, Case | Batch] = {}
        for line in sys.stdin:
            name, *arguments = line.split()
            if line not in cases:
                cases[line] = getattr(module, name)(*arguments)
                warm_up(cases[line])
            print(sample(cases[line]), file=answers, flush=True)


def warm_up(case: Case | Batch) -> None:
    """Imports, caches and the interpreter's specialization are not measured; in a batch they are lost."""
    if isinstance(case, Case):
        sample(case)


def sample(case: Case | Batch) -> float:
    """Seconds a token."""
    if isinstance(case, Batch):
        return case.run()
    call, elapsed, calls = case.call, 0, 0
    for _ in range(CHUNK):  # untimed: another process had the processor's caches meanwhile
        call(fresh(case.argument))
    while elapsed < SAMPLE:
        arguments = [fresh(case.argument) for _ in range(CHUNK)]
        started = time.perf_counter_ns()
        for argument in arguments:
            call(argument)
        elapsed += time.perf_counter_ns() - started
        calls += CHUNK
    return elapsed / calls / 1e9


def fresh(text: str) -> str:
    return text[:1] + text[1:]


if __name__ == "__main__":
    main(sys.argv[1])
