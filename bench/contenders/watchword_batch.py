"""Watchword's ``verify_many`` for RS256 tokens, and ``verify`` for one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import specimen
from cases import Batch
from watchword import Key, Verifier

_verifier = Verifier(
    Key.from_pem(specimen.public_pem("RS256"), "RS256"),
    issuer=specimen.ISSUER,
    audience=specimen.AUDIENCE,
    typ=specimen.TYPE,
    cache_size=0,
)
_tokens = [specimen.token("RS256")] * specimen.BATCH


def alone() -> Batch:
    return _timed(lambda: map(_verifier.verify, _tokens))


def in_threads() -> Batch:
    return _timed(lambda: _verifier.verify_many(_tokens))


def _timed(results: Callable[[], Iterator[Any]]) -> Batch:
    """Without the first quarter: how long threads take to start is not what is compared."""
    first = specimen.BATCH // 4

    def run() -> float:
        coming = results()
        good = sum(isinstance(claims, dict) for claims in islice(coming, first))
        started = time.perf_counter()
        good += sum(isinstance(claims, dict) for claims in coming)
        elapsed = time.perf_counter() - started
        assert good == specimen.BATCH
        return elapsed / (specimen.BATCH - first)

    return Batch(run)
