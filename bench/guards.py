"""What the guard costs in each framework: a guarded route beside the same route without a guard."""

from __future__ import annotations

from entries import Addition, Bar, Entry, Measure

__all__ = ["ADDITIONS", "BARS", "MEASURES"]


def _measure(framework: str, bare: str, protected: str) -> Measure:
    contender = f"watchword_{framework.lower()}"
    entries = (Entry(bare, contender, "bare"), Entry(protected, contender, "protected"))
    return Measure(f"{framework} route", entries)


DJANGO = _measure("Django", "bare view, without middleware", "guarded by @protect")
STARLETTE = _measure("Starlette", "route with an empty middleware", "auth.middleware and @auth.protect")

FASTAPI = _measure("FastAPI", "route with an async dependency", "route with Security(auth.identity)")

MEASURES = (DJANGO, STARLETTE, FASTAPI)

BARS = (Bar("guarded Django view, against bare", (DJANGO.entries[1],), (DJANGO.entries[0],), at_most=1.15),)

ADDITIONS = tuple(
    Addition(f"what the guard adds, {measure.title}", measure.entries[1], measure.entries[0], at_most_us=10)
    for measure in (STARLETTE, FASTAPI)
)
