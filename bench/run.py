"""Measures Watchword beside its peers and prints ratios: ``make bench``.

Each library runs in a process of its own; the harness asks one after the other for a sample of a few
milliseconds, round after round, so that whatever else the machine does hits all of them alike. Ratios travel
from machine to machine, microseconds do not.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from pathlib import Path
from typing import Any

import end_to_end
import guards
import memory
from chart import svg
from entries import BARS, LIBRARIES, MEASURES
from figures import compared, judged, judged_addition, judged_memory
from report import documented, text
from rounds import installed, samples

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DEPENDENCIES = (
    *("cryptography", "msgspec", "Flask", "Werkzeug", "SQLAlchemy"),
    *("FastAPI", "granian", "Starlette", "uvicorn", "uvloop"),
)
ROUNDS_A_SECOND = 8  # of end to end, which takes a second for a sample of each server
PAGE = HERE.parent / "docs" / "performance.md"


def main() -> None:
    arguments = _arguments()
    results = measured(arguments.rounds)
    print(text(results))
    if reason := end_to_end.why_not():
        print(f"\nNot measured end to end: {reason}.")
    write(results, arguments.results)
    if arguments.results == RESULTS:
        PAGE.write_text(documented(PAGE.read_text("utf-8"), results), "utf-8")


def measured(rounds: int) -> dict[str, Any]:
    measures = (*MEASURES, *guards.MEASURES)
    taken = samples((entry for measure in measures for entry in measure.entries), rounds)
    taken |= end_to_end.samples(max(1, rounds // ROUNDS_A_SECOND))
    measures = (*measures, end_to_end.MEASURE)
    full = memory.measured()
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "rounds": rounds,
        "measures": [{"title": title, "entries": compared(entries, taken)} for title, entries in measures],
        "memory": full,
        "bars": [
            *(judged(bar, taken) for bar in (*BARS, *guards.BARS, *end_to_end.BARS)),
            *(judged_addition(bar, taken) for bar in guards.ADDITIONS),
            *map(judged_memory, full),
        ],
    }


def machine() -> dict[str, Any]:
    distributions = sorted((*DEPENDENCIES, *LIBRARIES.values()), key=str.lower)
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "libraries": {name: installed(name) for name in distributions},
    }


def write(results: dict[str, Any], folder: Path) -> None:
    (folder / "latest.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (folder / "latest.svg").write_text(svg(results), "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=160, help="samples of each entry")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
