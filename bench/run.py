"""Measures Watchword beside its peers and prints ratios: ``make bench``.

Each library runs in a process of its own; the harness asks one after the other for a sample of a few
milliseconds, round after round, so that whatever else the machine does hits all of them alike. Ratios travel
from machine to machine, microseconds do not.

A new peer is a module in ``contenders`` and an entry here.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Self

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


class Entry(NamedTuple):
    """One line of the table.

    Attributes:
        label: what is measured, for people.
        contender: a module in ``contenders``.
        case: a function in it.
    """

    label: str
    contender: str
    case: str


class Measure(NamedTuple):
    """Lines that belong together; each is shown as a multiple of the first."""

    title: str
    entries: tuple[Entry, ...]


class Bar(NamedTuple):
    """What must hold: one entry takes at least, or at most, so many times as long as another."""

    title: str
    of: Entry
    to: Entry
    at_least: float = 0.0
    at_most: float = float("inf")


MAC = Entry("one raw MAC", "floor", "mac")
FLOOR_VERIFY = Entry("floor: MAC + JSON + base64", "floor", "hs256_verify")
FLOOR_ISSUE = Entry("floor: MAC + JSON + base64 + random id", "floor", "hs256_issue")
FLOOR_EDDSA = Entry("floor: cryptography's signature check", "floor", "eddsa_verify")
COLD = Entry("Watchword, dict", "watchword_codec", "hs256_verify_cold")
COLD_TYPED = Entry("Watchword, typed", "watchword_codec", "hs256_verify_cold_typed")
PYJWT = Entry("PyJWT, decode_complete", "pyjwt", "hs256_verify")
WARM = Entry("Watchword, HS256, dict", "watchword_codec", "hs256_verify_warm")
WARM_TYPED = Entry("Watchword, HS256, typed", "watchword_codec", "hs256_verify_warm_typed")
BARE = Entry("bare route", "watchword_flask", "bare")
EDDSA_ROUTE = Entry("protected by Watchword, EdDSA (keyring)", "watchword_flask", "protected_eddsa")
HS256_ROUTE = Entry("protected by Watchword, HS256 (fixed key)", "watchword_flask", "protected_hs256")

MEASURES = (
    Measure(
        "HS256 verification, cold",
        (
            FLOOR_VERIFY,
            COLD,
            COLD_TYPED,
            PYJWT,
            Entry("PyJWT, get_unverified_header and decode", "pyjwt", "hs256_verify_by_two_calls"),
        ),
    ),
    Measure(
        "EdDSA verification, cold",
        (
            FLOOR_EDDSA,
            Entry("Watchword, dict", "watchword_codec", "eddsa_verify_cold"),
            Entry("PyJWT, decode_complete", "pyjwt", "eddsa_verify"),
        ),
    ),
    Measure(
        "Verification, warm",
        (
            MAC,
            WARM,
            WARM_TYPED,
            Entry("Watchword, EdDSA, dict", "watchword_codec", "eddsa_verify_warm"),
            Entry("Watchword, EdDSA, typed", "watchword_codec", "eddsa_verify_warm_typed"),
        ),
    ),
    Measure(
        "HS256 issue",
        (
            FLOOR_ISSUE,
            Entry("Watchword", "watchword_codec", "hs256_issue"),
            Entry("PyJWT", "pyjwt", "hs256_issue"),
        ),
    ),
    Measure("Flask route", (BARE, EDDSA_ROUTE, HS256_ROUTE)),
    Measure(
        "Flask route, the peer",
        (
            Entry("bare route", "flask_jwt_extended_flask", "bare"),
            Entry("protected by Flask-JWT-Extended, HS256", "flask_jwt_extended_flask", "protected_hs256"),
        ),
    ),
)

BARS = (
    Bar("HS256 cold at least 10 times as fast as PyJWT's quicker way", PYJWT, COLD, at_least=10),
    Bar("protected Flask route (EdDSA) at most 15 % dearer than bare", EDDSA_ROUTE, BARE, at_most=1.15),
    Bar("protected Flask route (HS256) at most 15 % dearer than bare", HS256_ROUTE, BARE, at_most=1.15),
)

DISTRIBUTIONS = ("cryptography", "msgspec", "PyJWT", "Flask", "Werkzeug", "Flask-JWT-Extended", "SQLAlchemy")

Samples = dict[Entry, list[float]]


def main() -> None:
    arguments = _arguments()
    samples = measured(arguments.rounds)
    results = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "rounds": arguments.rounds,
        "measures": [{"title": title, "entries": compared(entries, samples)} for title, entries in MEASURES],
        "bars": [judged(bar, samples) for bar in BARS],
    }
    show(results)
    arguments.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measured(rounds: int) -> Samples:
    """Seconds a call, one sample of each entry a round."""
    entries = [entry for measure in MEASURES for entry in measure.entries]
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(name)) for name in dict.fromkeys(e.contender for e in entries)
        }
        taken: Samples = {entry: [] for entry in entries}
        for _ in range(rounds):
            for entry in entries:
                taken[entry].append(workers[entry.contender].sample(entry.case))
    return taken


class Worker:
    """The process of one contender."""

    def __init__(self, contender: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", contender],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def sample(self, case: str) -> float:
        """Seconds a call.

        Raises:
            SystemExit: the process has died; it has said why on standard error.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{case}\n")
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"no sample of {case}")
        return float(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def compared(entries: Sequence[Entry], samples: Samples) -> list[dict[str, Any]]:
    """Each entry's figures, and their ratios to the first one's."""
    return [
        {
            "label": entry.label,
            "minimum_us": min(samples[entry]) * 1e6,
            "median_us": statistics.median(samples[entry]) * 1e6,
            **ratios(samples[entry], samples[entries[0]]),
        }
        for entry in entries
    ]


def judged(bar: Bar, samples: Samples) -> dict[str, Any]:
    """Whether a bar was reached; minima decide, since noise only ever adds."""
    found = ratios(samples[bar.of], samples[bar.to])
    return {
        "title": bar.title,
        **found,
        "reached": bar.at_least <= found["ratio_of_minima"] <= bar.at_most,
    }


def ratios(of: Iterable[float], to: Iterable[float]) -> dict[str, float]:
    """The ratio of the minima, and the median of the ratios of samples that were taken in the same round."""
    of, to = list(of), list(to)
    return {
        "ratio_of_minima": min(of) / min(to),
        "median_ratio": statistics.median(a / b for a, b in zip(of, to, strict=True)),
    }


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "libraries": {name: version(name) for name in DISTRIBUTIONS},
    }


def show(results: dict[str, Any]) -> None:
    console = Console(width=110, highlight=False)
    for measure in results["measures"]:
        table = Table("", "minimum µs", "median µs", "x (minima)", "x (median)", title=measure["title"])
        for column in table.columns[1:]:
            column.justify = "right"
        table.columns[0].min_width = 44
        for entry in measure["entries"]:
            table.add_row(
                entry["label"],
                *(
                    f"{entry[name]:.2f}"
                    for name in ("minimum_us", "median_us", "ratio_of_minima", "median_ratio")
                ),
            )
        console.print(table)
    for bar in results["bars"]:
        verdict = "[green]reached[/]" if bar["reached"] else "[bold red]NOT REACHED[/]"
        console.print(
            f"{verdict}: {bar['title']} ({bar['ratio_of_minima']:.2f}x, median {bar['median_ratio']:.2f}x)"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])  # type: ignore[union-attr]  # it has one
    parser.add_argument("--rounds", type=int, default=200, help="samples of each entry")
    parser.add_argument(
        "--results", type=Path, default=HERE / "results" / "latest.json", help="where to write"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
