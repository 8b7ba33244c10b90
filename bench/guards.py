"""What the guard costs in each framework: a guarded route beside the same route without a guard."""

from __future__ import annotations

from entries import Addition, Bar, Entry, Measure

__all__ = ["ADDITIONS", "BARS", "MEASURES"]


def _measure(framework: str, bare: str, protected: str) -> Measure:
    contender = f"watchword_{framework.lower()}"
    entries = (Entry(bare, contender, "bare"), Entry(protected, contender, "protected"))
    return Measure(f"{framework} route", entries)


DJANGO = Measure(
    "Django view, with the middleware of startproject",
    (
        Entry("bare view", "watchword_django", "bare"),
        Entry("guarded by @protect", "watchword_django", "protected"),
    ),
)
THIN_DJANGO = Measure(
    "Django view, without any middleware",
    (
        Entry("bare view", "watchword_django", "thin_bare"),
        Entry("guarded by @protect", "watchword_django", "thin_protected"),
    ),
)
STARLETTE = _measure("Starlette", "route with an empty middleware", "auth.middleware and @auth.protect")

FASTAPI = _measure("FastAPI", "route with an async dependency", "route with Security(auth.identity)")

MEASURES = (DJANGO, THIN_DJANGO, STARLETTE, FASTAPI)

BARS = (Bar("guarded Django view, against bare", (DJANGO.entries[1],), (DJANGO.entries[0],), at_most=1.15),)

ADDITIONS = tuple(
    Addition(f"what the guard adds, {measure.title}", measure.entries[1], measure.entries[0], at_most_us=10)
    for measure in (THIN_DJANGO, STARLETTE, FASTAPI)
)
