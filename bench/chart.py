"""The results as bars: one SVG, written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

__all__ = ["FONT", "MARGIN", "WIDTH", "svg", "written"]

WIDTH, MARGIN, LABEL, NUMBER = 860, 24, 300, 76
ROW, BAR = 22, 15
FULL = WIDTH - 2 * MARGIN - LABEL - NUMBER
HEAD, PANEL_HEAD = 72, 44
COLORS = {"watchword": "#0f766e", "floor": "#94a3b8"}
OTHERS = "#cbd5e1"
FONT = 'role="img" font-family="system-ui, sans-serif" font-size="13"'


def svg(results: dict[str, Any]) -> str:
    """Minimum microseconds a token, quickest first; one panel for each measure of several libraries."""
    panels = [
        measure for measure in results["measures"] if len({e["contender"] for e in measure["entries"]}) > 1
    ]
    body: list[str] = []
    top = HEAD
    for measure in panels:
        rows = sorted(
            (entry for entry in measure["entries"] if entry["minimum_us"] is not None),
            key=lambda entry: entry["minimum_us"],
        )
        body += _panel(measure["title"], rows, top)
        top += PANEL_HEAD + ROW * len(rows)
    machine = results["machine"]
    about = f"Python {machine['python']}, {machine['system']} {machine['architecture']}, {results['date']}"
    height = top + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {FONT}>',
        "<title>Watchword beside its peers: microseconds a token, less is better</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        written(MARGIN, 34, "Microseconds a token, less is better", 'font-size="19" font-weight="600"'),
        written(MARGIN, 55, f"Minimum of {results['rounds']} rounds. {about}", 'fill="#475569"'),
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(title: str, rows: list[dict[str, Any]], top: int) -> Iterator[str]:
    """Each panel has a scale of its own: its slowest bar is as long as there is room."""
    yield written(MARGIN, top + 28, title, 'font-size="15" font-weight="600"')
    slowest = max(row["minimum_us"] for row in rows)
    for number, row in enumerate(rows):
        y = top + PANEL_HEAD + ROW * number
        length = max(1.0, FULL * row["minimum_us"] / slowest)
        color = COLORS.get(row["contender"].partition("_")[0], OTHERS)
        yield written(MARGIN + LABEL - 8, y + 12, row["label"], 'text-anchor="end"')
        shape = f'x="{MARGIN + LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"'
        yield f'<rect {shape} fill="{color}"/>'
        yield written(round(MARGIN + LABEL + length + 6), y + 12, f"{row['minimum_us']:.2f}")


def written(x: int, y: int, content: str, attributes: str = 'fill="#0f172a"') -> str:
    return f'<text x="{x}" y="{y}" {attributes}>{escape(content)}</text>'
