"""Counters for Prometheus, summed over all workers of a server. Needs the extra ``server``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import get_args

from watchword.errors import MissingExtra
from watchword.events import Event, SessionTerminated
from watchword.monitoring.counts import SharedNumbers, WorkerRow
from watchword.sessions import FeedStatus
from watchword.stores.contract import EndReason

try:
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingExtra.from_extra("server") from error

__all__ = ["Metrics"]


class Metrics:
    """A listener that counts the events of its own worker and writes the sums of all workers.

    Args:
        folder: the folder where the workers keep their numbers. Without a folder only this process counts.
    """

    def __init__(self, folder: Path | None = None) -> None:
        # An event that has not happened counts as zero, so that Prometheus sees its first time as a rise.
        self._events = {name: place for place, name in enumerate(_list_names(Event))}
        self._reasons = {name: place for place, name in enumerate(get_args(EndReason), len(self._events))}
        self._polled_at = len(self._events) + len(self._reasons)
        self._known_ends = self._polled_at + 1
        self._shared = SharedNumbers(folder, self._known_ends + 1)
        self._shared.own[self._polled_at] = -math.inf  # The file may come from a dead worker.
        self._counting = Lock()

    def __call__(self, event: Event) -> None:
        """Count the event."""
        with self._counting:
            self._shared.own[self._events[event.name]] += 1
            if isinstance(event, SessionTerminated):
                self._shared.own[self._reasons[event.reason]] += 1

    def publish(self, status: FeedStatus) -> None:
        """Write the status of this worker's revocation feed, so that other workers can read it."""
        self._shared.own[self._polled_at] = time.monotonic() - status.staleness
        self._shared.own[self._known_ends] = status.known_ends

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the numbers of all workers as a body for Prometheus, and the media type of the body.

        Args:
            accept: the ``Accept`` header of the request.
        """
        encode, media_type = choose_encoder(accept)
        return encode(_MetricsSnapshot(self._read_metrics())), media_type

    def _read_metrics(self) -> list[Metric]:
        rows = list(self._shared.read_rows())
        live = [row for row in rows if row.is_live]
        # A worker without a request has never polled. It polls before its first answer, so it is not behind.
        polled_at = [at for row in live if math.isfinite(at := row.numbers[self._polled_at])]
        return [
            _make_counter("watchword_events", "Security events.", "event", _sum_rows(self._events, rows)),
            _make_counter(
                "watchword_sessions_ended", "Ended sessions.", "reason", _sum_rows(self._reasons, rows)
            ),
            GaugeMetricFamily(
                "watchword_revocation_staleness_seconds",
                "By how much a worker may be behind with sessions that ended elsewhere, at most.",
                time.monotonic() - min(polled_at, default=-math.inf),
            ),
            GaugeMetricFamily(
                "watchword_revocation_known_ends",
                "Ended sessions that a worker knows of and whose tokens may not have expired, at most.",
                max((row.numbers[self._known_ends] for row in live), default=0),
            ),
        ]


class _MetricsSnapshot(Collector):
    """The metrics of a moment."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _list_names(kind: type[Event]) -> Iterator[str]:
    """List the names of all events of a kind."""
    kinds = kind.__subclasses__()
    if not kinds:
        yield kind.name
    for narrower in kinds:
        yield from _list_names(narrower)


def _sum_rows(places: Mapping[str, int], rows: Sequence[WorkerRow]) -> dict[str, float]:
    return {name: sum(row.numbers[place] for row in rows) for name, place in places.items()}


def _make_counter(name: str, description: str, label: str, counts: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, description, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
