"""How long a logout takes to hold, as dots on a line for each number of nodes and logouts: one SVG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chart import FONT, MARGIN, WIDTH, written

__all__ = ["svg"]

LABEL, LOAD = 250, 150
ROW, HEAD, AXIS = 22, 112, 34
LONGEST = 2.0  # seconds, at the right end of the lines
LENGTH = WIDTH - 2 * MARGIN - LABEL - LOAD
DOTS = (("delay", "p50", "#94a3b8"), ("delay", "p99", "#2dd4bf"), ("last", "max", "#0f766e"))
LEGEND = ("half of the nodes", "99 % of them", "the last one, at worst")
GREY, RED = 'fill="#475569"', 'fill="#b91c1c"'


def svg(results: dict[str, Any]) -> str:
    """A line for each number of nodes and logouts, and beside it how many cores of the store are busy."""
    rows = results["fleets"]
    bottom = HEAD + ROW * len(rows)
    title = "From a logout to where it holds"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + AXIS + MARGIN}" {FONT}>',
        f"<title>{title}: seconds, by number of nodes and logouts</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        written(MARGIN, 34, title, 'font-size="19" font-weight="600"'),
        written(MARGIN, 55, f"Simulated; each node polls every {results['interval']:g} s", GREY),
        *_legend(),
        written(WIDTH - MARGIN, HEAD - 14, "store cores busy", f'{GREY} text-anchor="end"'),
        *_axis(bottom),
    ]
    for number, row in enumerate(rows):
        lines += _row(row, HEAD + ROW * number + 12)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _legend() -> Iterator[str]:
    for number, (words, (_, _, color)) in enumerate(zip(LEGEND, DOTS, strict=True)):
        x = MARGIN + LABEL + 150 * number
        yield f'<circle cx="{x}" cy="{HEAD - 39}" r="5" fill="{color}"/>'
        yield written(x + 10, HEAD - 35, words, GREY)


def _axis(bottom: int) -> Iterator[str]:
    for half in range(int(LONGEST * 2) + 1):
        x = _x(half / 2)
        yield f'<line x1="{x:.1f}" y1="{HEAD}" x2="{x:.1f}" y2="{bottom}" stroke="#e2e8f0"/>'
        yield written(round(x), bottom + 20, f"{half / 2:g} s", f'{GREY} text-anchor="middle"')


def _row(row: dict[str, Any], y: int) -> Iterator[str]:
    label = f"{row['nodes']:,} nodes, {row['logouts']:,} logouts/s"
    yield written(MARGIN + LABEL - 14, y + 4, label, 'text-anchor="end"')
    too_much = row["delay"] is None
    color = RED if too_much else GREY
    yield written(WIDTH - MARGIN, y + 4, f"{row['store_cores']:,.2f}", f'{color} text-anchor="end"')
    if too_much:
        yield written(MARGIN + LABEL, y + 4, "too much for one store", RED)
        return
    yield f'<line x1="{_x(0):.1f}" y1="{y}" x2="{_x(row["last"]["max"]):.1f}" y2="{y}" stroke="#cbd5e1"/>'
    for whose, percentile, fill in DOTS:
        yield f'<circle cx="{_x(row[whose][percentile]):.1f}" cy="{y}" r="5" fill="{fill}"/>'


def _x(seconds: float) -> float:
    return MARGIN + LABEL + LENGTH * min(seconds, LONGEST) / LONGEST
