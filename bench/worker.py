"""One library's process: times a case each time the harness names one.

Started with the name of a module in ``contenders``; each line on standard input is the name of a function in
it, each line on standard output the seconds that a call took, on average over one sample.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Case"]

SAMPLE = 4_000_000  # nanoseconds: short enough for some samples to be left alone by the machine's other work
CHUNK = 32  # arguments made at a time: few enough to be in the processor's cache, as a request's header is


class Case(NamedTuple):
    """What a contender's function makes.

    Attributes:
        call: what is timed.
        argument: what it is called with, each time as a string never seen before, whose hash nobody has
            computed: what a web server hands over.
    """

    call: Callable[[str], object]
    argument: str


def main(contender: str) -> None:
    module = importlib.import_module(f"contenders.{contender}")
    cases: dict[str, Case] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in cases:
            cases[name] = getattr(module, name)()
            sample(
                cases[name]
            )  # imports, caches and the interpreter's specialization are not what is measured
        print(sample(cases[name]), flush=True)


def sample(case: Case) -> float:
    """Seconds a call."""
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
