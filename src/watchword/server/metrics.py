"""``/metrics``: what happened in this process, counted in the form that Prometheus reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import get_args

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from watchword.events import Event, SessionTerminated
from watchword.sessions import FeedStatus
from watchword.stores.contract import EndReason

__all__ = ["Metrics"]


class Metrics:
    """A listener that counts.

    Each worker process counts for itself, and puts its process id beside each number.
    """

    def __init__(self) -> None:
        # what has not happened yet counts as zero, so that its first time is a rise
        self._events = Counter({kind.name: 0 for kind in Event.__subclasses__()})
        self._ends = Counter(dict.fromkeys(get_args(EndReason), 0))
        self._counting = Lock()

    def __call__(self, event: Event) -> None:
        """Count the event."""
        with self._counting:
            self._events[event.name] += 1
            if isinstance(event, SessionTerminated):
                self._ends[event.reason] += 1

    def exposition(self, status: FeedStatus, accept: str) -> tuple[bytes, str]:
        """The numbers, and their media type.

        Args:
            status: how it stands with the news of ended sessions.
            accept: the request's ``Accept`` header.
        """
        with self._counting:
            numbers = _Numbers(dict(self._events), dict(self._ends), status)
        encode, media_type = choose_encoder(accept)
        return encode(numbers), media_type


class _Numbers(Collector):
    """The numbers of one moment, each with its name and its help."""

    def __init__(self, events: Mapping[str, int], ends: Mapping[str, int], status: FeedStatus) -> None:
        self._events = events
        self._ends = ends
        self._status = status

    def collect(self) -> Iterator[Metric]:
        yield _counter("watchword_events", "Security events.", "event", self._events)
        yield _counter("watchword_sessions_ended", "Sessions that this process ended.", "reason", self._ends)
        yield _gauge(
            "watchword_revocation_staleness_seconds",
            "By how much this process may be behind with sessions that ended in others.",
            self._status.staleness,
        )
        yield _gauge(
            "watchword_revocation_known_ends",
            "Ended sessions that this process knows of, of which tokens may still be about.",
            self._status.known_ends,
        )


def _counter(name: str, description: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, description, labels=[label, "pid"])
    for value, count in counts.items():
        family.add_metric([value, str(os.getpid())], count)
    return family


def _gauge(name: str, description: str, number: float) -> Metric:
    family = GaugeMetricFamily(name, description, labels=["pid"])
    family.add_metric([str(os.getpid())], number)
    return family
