"""``/metrics``: what happened in all workers, counted in the form that Prometheus reads."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import get_args

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from watchword.events import Event, SessionTerminated
from watchword.monitoring.counts import Row, SharedNumbers
from watchword.sessions import FeedStatus
from watchword.stores.contract import EndReason

__all__ = ["Metrics"]


class Metrics:
    """A listener that counts, for its own worker, and shows the numbers of all workers.

    Args:
        folder: where the workers keep their numbers; by default there is only this process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        # what has not happened yet counts as zero, so that its first time is a rise
        self._events = {name: place for place, name in enumerate(_names(Event))}
        self._reasons = {name: place for place, name in enumerate(get_args(EndReason), len(self._events))}
        self._polled_at = len(self._events) + len(self._reasons)
        self._known_ends = self._polled_at + 1
        self._shared = SharedNumbers(folder, self._known_ends + 1)
        self._shared.own[self._polled_at] = -math.inf  # that of a dead worker is not ours
        self._counting = Lock()

    def __call__(self, event: Event) -> None:
        """Count the event."""
        with self._counting:
            self._shared.own[self._events[event.name]] += 1
            if isinstance(event, SessionTerminated):
                self._shared.own[self._reasons[event.reason]] += 1

    def publish(self, status: FeedStatus) -> None:
        """Let other workers know how it stands with ended sessions in this worker."""
        self._shared.own[self._polled_at] = time.monotonic() - status.staleness
        self._shared.own[self._known_ends] = status.known_ends

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the numbers of all workers, and their media type.

        Args:
            accept: the request's ``Accept`` header.
        """
        encode, media_type = choose_encoder(accept)
        return encode(_Numbers(self._read())), media_type

    def _read(self) -> list[Metric]:
        rows = list(self._shared.rows())
        live = [row for row in rows if row.is_live]
        # a worker that was never asked for anything polls first, and is behind with nothing
        polled_at = [at for row in live if math.isfinite(at := row.numbers[self._polled_at])]
        return [
            _counter("watchword_events", "Security events.", "event", _sum(self._events, rows)),
            _counter("watchword_sessions_ended", "Ended sessions.", "reason", _sum(self._reasons, rows)),
            GaugeMetricFamily(
                "watchword_revocation_staleness_seconds",
                "By how much a worker may be behind with sessions that ended elsewhere, at most.",
                time.monotonic() - min(polled_at, default=-math.inf),
            ),
            GaugeMetricFamily(
                "watchword_revocation_known_ends",
                "Ended sessions that a worker knows of, of which tokens may still be about, at most.",
                max((row.numbers[self._known_ends] for row in live), default=0),
            ),
        ]


class _Numbers(Collector):
    """The numbers of one moment."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _names(kind: type[Event]) -> Iterator[str]:
    """The names of all events of a kind."""
    kinds = kind.__subclasses__()
    if not kinds:
        yield kind.name
    for narrower in kinds:
        yield from _names(narrower)


def _sum(places: Mapping[str, int], rows: Sequence[Row]) -> dict[str, float]:
    return {name: sum(row.numbers[place] for row in rows) for name, place in places.items()}


def _counter(name: str, description: str, label: str, counts: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, description, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
