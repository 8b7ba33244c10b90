"""Logins and sessions as OpenTelemetry metrics. Needs the extra ``otel``."""

from __future__ import annotations

from collections.abc import Iterable

from watchword.auth import Auth
from watchword.errors import MissingExtra
from watchword.events import (
    Event,
    LoginFailed,
    LoginSucceeded,
    RefreshReplayed,
    RefreshReplayedElsewhere,
    SessionRefreshed,
    SessionTerminated,
)

try:
    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation, get_meter
except ImportError as error:
    raise MissingExtra.from_extra("otel") from error

__all__ = ["Telemetry"]

# The boundaries that the semantic conventions give for http.server.request.duration, in seconds. The
# default boundaries of an SDK are for milliseconds.
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Telemetry:
    """A listener that counts events and records how long logins and refreshes take.

    Pass it to an Auth, ``auth = Auth(..., listeners=[telemetry])``. Then ``telemetry.watch(auth)`` adds the
    status of the Auth's revocation feed.

    Args:
        meter_provider: the provider that receives the metrics. The default is the global provider.

    Raises:
        MissingExtra: when the class is imported and the extra ``otel`` is not installed.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self._meter = meter = get_meter("watchword", meter_provider=meter_provider)
        self._events = meter.create_counter("watchword.events", "{event}", "Security events.")
        self._ends = meter.create_counter(
            "watchword.sessions.ended", "{session}", "Sessions that this process ended."
        )
        self._logins = self._create_histogram("watchword.login.duration", "How long logins took.")
        self._refreshes = self._create_histogram("watchword.refresh.duration", "How long refreshes took.")

    def __call__(self, event: Event) -> None:
        """Count the event, and record its duration if the event has it."""
        name = {"event": event.name}
        self._events.add(1, name)
        if isinstance(event, SessionTerminated):
            self._ends.add(1, {"reason": event.reason})
        elif isinstance(event, LoginSucceeded | LoginFailed) and event.seconds is not None:
            self._logins.record(event.seconds, name)
        elif (
            isinstance(event, SessionRefreshed | RefreshReplayed | RefreshReplayedElsewhere)
            and event.seconds is not None
        ):
            self._refreshes.record(event.seconds, name)

    def watch(self, auth: Auth) -> None:
        """Report the status of an Auth's revocation feed whenever metrics are collected.

        Nothing is reported before the first poll.
        """

        def observe_staleness(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(auth.revocation_staleness())]  # The SDK leaves out infinite values.

        def observe_poll_duration(_: CallbackOptions) -> Iterable[Observation]:
            seconds = auth.revocation_status().poll_seconds
            return [] if seconds is None else [Observation(seconds)]

        def observe_known_ends(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(auth.revocation_status().known_ends)]

        for name, callback, unit, description in (
            (
                "staleness",
                observe_staleness,
                "s",
                "By how much this process may be behind with ended sessions.",
            ),
            ("poll.duration", observe_poll_duration, "s", "How long the last poll for ended sessions took."),
            ("known_ends", observe_known_ends, "{session}", "Ended sessions that this process knows of."),
        ):
            self._meter.create_observable_gauge(f"watchword.revocation.{name}", [callback], unit, description)

    def _create_histogram(self, name: str, description: str) -> Histogram:
        return self._meter.create_histogram(
            name, "s", description, explicit_bucket_boundaries_advisory=_BOUNDARIES
        )
