"""The results for people: lines for a terminal, tables for the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["documented", "markdown", "placed", "text"]

COLUMNS = ("minimum µs", "median µs", "x (minima)", "x (median)")
FIGURES = ("minimum_us", "median_us", "ratio_of_minima", "median_ratio")

_UNITS = {"mb": "MB", "us": "µs"}
_VERDICTS = {True: "yes", False: "NO", None: "-"}


def text(results: dict[str, Any]) -> str:
    lines: list[str] = []
    for measure in results["measures"]:
        lines += ["", f"{measure['title']:<46}" + "".join(f"{name:>12}" for name in COLUMNS)]
        lines += [
            f"  {entry['label']:<44}" + "".join(f"{_figure(entry[name]):>12}" for name in FIGURES)
            for entry in measure["entries"]
        ]
    lines += ["", f"{'Memory of a full cache':<46}{'characters':>12}{'traced MB':>12}{'process MB':>12}"]
    lines += [
        f"  {kind['label']:<44}{kind['characters']:>12}"
        f"{_figure(kind['traced_mb']):>12}{_figure(kind['resident_mb']):>12}"
        for kind in results["memory"]
    ]
    lines += ["", "Met?"]
    lines += [f"  {met:<5}{title:<64}{must:<18}{found}" for title, must, found, met in _bars(results)]
    return "\n".join(lines)


def markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items() if version)
    system = f"{machine['system']} {machine['architecture']}, {machine['cores']} cores"
    lines = [
        f"{results['date']}, Python {machine['python']}, {system}, {results['rounds']} rounds. {libraries}."
    ]
    for measure in results["measures"]:
        lines += ["", f"| {measure['title']} | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
        lines += [
            f"| {entry['label']} | {' | '.join(_figure(entry[name]) for name in FIGURES)} |"
            for entry in measure["entries"]
        ]
    lines += ["", "| Memory of a full cache | characters | traced MB | process MB |", "|---|---:|---:|---:|"]
    lines += [
        f"| {kind['label']} | {kind['characters']} | {_figure(kind['traced_mb'])} | "
        f"{_figure(kind['resident_mb'])} |"
        for kind in results["memory"]
    ]
    lines += ["", "| What must hold | limit | found | met |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(bar)} |" for bar in _bars(results)]
    return "\n".join(lines)


def documented(page: str, results: dict[str, Any]) -> str:
    """The page with these results between its marks."""
    return placed(page, markdown(results), "make bench")


def placed(page: str, content: str, command: str) -> str:
    """The page with this content between the marks that name the command which writes it."""
    begin = re.escape(f"<!-- begin: written by {command} -->\n")
    return re.sub(f"(?<={begin}).*?(?=<!-- end -->)", lambda _: f"\n{content}\n\n", page, flags=re.DOTALL)


def _bars(results: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Of each bar: what must hold, the limit, what was found, the verdict."""
    for bar in results["bars"]:
        unit = next((f" {name}" for key, name in _UNITS.items() if key in bar), "x")
        limits = [f"at {word} {bar[f'at_{word}']:g}{unit}" for word in ("least", "most") if bar[f"at_{word}"]]
        if bar["met"] is None:
            found = "not measured"
        elif "mb" in bar:
            found = f"{bar['mb']:.1f} MB"
        elif "us" in bar:
            found = f"{bar['us']:.1f} µs ({bar['ratio_of_minima']:.2f}x)"
        else:
            found = f"{bar['ratio_of_minima']:.2f}x (median {bar['median_ratio']:.2f}x)"
        yield bar["title"], " and ".join(limits), found, _VERDICTS[bar["met"]]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
