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

import memory
from chart import svg
from entries import BARS, LIBRARIES, MEASURES
from figures import compared, judged, judged_memory
from report import documented, text
from rounds import installed, samples

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"


def main() -> None:
    arguments = _arguments()
    results = measured(arguments.rounds)
    print(text(results))
    write(results, arguments.results)
    if arguments.results == RESULTS:
        PAGE.write_text(documented(PAGE.read_text("utf-8"), results), "utf-8")


def measured(rounds: int) -> dict[str, Any]:
    taken = samples((entry for measure in MEASURES for entry in measure.entries), rounds)
    full = memory.measured()
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "rounds": rounds,
        "measures": [{"title": title, "entries": compared(entries, taken)} for title, entries in MEASURES],
        "memory": full,
        "bars": [*(judged(bar, taken) for bar in BARS), *map(judged_memory, full)],
    }


def machine() -> dict[str, Any]:
    distributions = sorted(
        ("cryptography", "msgspec", "Flask", "Werkzeug", "SQLAlchemy", *LIBRARIES.values()), key=str.lower
    )
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
