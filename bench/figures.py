"""Samples become minima, medians, ratios and verdicts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import memory
from entries import Addition, Bar, Entry
from rounds import Samples

__all__ = ["compared", "judged", "judged_addition", "judged_memory"]


def compared(entries: Sequence[Entry], samples: Samples) -> list[dict[str, Any]]:
    """Each entry's figures and their ratios to the first one's; ``None`` where there are no samples."""
    return [
        {
            "label": entry.label,
            "contender": entry.contender,
            "minimum_us": min(samples[entry]) * 1e6 if samples[entry] else None,
            "median_us": statistics.median(samples[entry]) * 1e6 if samples[entry] else None,
            **ratios([samples[entry]], [samples[entries[0]]]),
        }
        for entry in entries
    ]


def judged(bar: Bar, samples: Samples) -> dict[str, Any]:
    """Whether a bar was met; minima decide, since noise only ever adds."""
    found = ratios([samples[entry] for entry in bar.of], [samples[entry] for entry in bar.to])
    return {"title": bar.title, **found, **_verdict(found["ratio_of_minima"], bar.at_least, bar.at_most)}


def judged_addition(bar: Addition, samples: Samples) -> dict[str, Any]:
    """Whether one entry takes no more than so many microseconds longer than another."""
    of, to = samples[bar.of], samples[bar.to]
    found = {**ratios([of], [to]), "us": (min(of) - min(to)) * 1e6 if of and to else None}
    return {"title": bar.title, **found, **_verdict(found["us"], None, bar.at_most_us)}


def judged_memory(measured: dict[str, Any]) -> dict[str, Any]:
    """Whether a full cache stays in the megabytes that it may take, however they are counted."""
    found = max(measured["traced_mb"], measured["resident_mb"] or 0)
    return {"title": f"full cache: {measured['label']}", "mb": found, **_verdict(found, None, memory.AT_MOST)}


def ratios(of: Sequence[Sequence[float]], to: Sequence[Sequence[float]]) -> dict[str, float | None]:
    """The ratio of the minima, and the median of the ratios of samples that were taken in the same round.

    Several to a side are multiplied. ``None`` where one of them was not measured.
    """
    if not all([*of, *to]):
        return {"ratio_of_minima": None, "median_ratio": None}
    of_rounds, to_rounds = (map(math.prod, zip(*side, strict=True)) for side in (of, to))
    return {
        "ratio_of_minima": _product_of_minima(of) / _product_of_minima(to),
        "median_ratio": statistics.median(a / b for a, b in zip(of_rounds, to_rounds, strict=True)),
    }


def _product_of_minima(side: Iterable[Sequence[float]]) -> float:
    return math.prod(map(min, side))


def _verdict(found: float | None, at_least: float | None, at_most: float | None) -> dict[str, Any]:
    met = None if found is None else (at_least or 0) <= found <= (at_most or math.inf)
    return {"at_least": at_least, "at_most": at_most, "met": met}
