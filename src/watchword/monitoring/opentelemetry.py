"""What happens to logins and sessions, as metrics of OpenTelemetry. Needs the extra ``otel``."""

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
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter
except ImportError as error:
    raise MissingExtra.from_extra("otel") from error

__all__ = ["Telemetry"]

# Those of OpenTelemetry's own durations in seconds (semantic conventions, http.server.request.duration);
# an SDK's default ones are for milliseconds
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Telemetry:
    """A listener that counts events and records how long logins and refreshes take.

    ``auth = Auth(..., listeners=[telemetry])``, then ``telemetry.watch(auth)`` for the news of ended
    sessions.

    Args:
        meter_provider: where the metrics go; the global one by default.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self._meter = meter = get_meter("watchword", meter_provider=meter_provider)
        self._events = meter.create_counter("watchword.events", "{event}", "Security events.")
        self._ends = meter.create_counter(
            "watchword.sessions.ended", "{session}", "Sessions that this process ended."
        )
        self._logins = meter.create_histogram(
            "watchword.login.duration",
            "s",
            "How long logins took.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._refreshes = meter.create_histogram(
            "watchword.refresh.duration",
            "s",
            "How long refreshes took.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )

    def __call__(self, event: Event) -> None:
        """Count the event."""
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
        """Tell, whenever metrics are collected, how it stands with an Auth's news of ended sessions.

        Before its first poll there is nothing to tell.
        """

        def staleness(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(auth.revocation_staleness())]  # the SDK leaves out what is infinite

        def poll_duration(_: CallbackOptions) -> Iterable[Observation]:
            seconds = auth.revocation_status().poll_seconds
            return [] if seconds is None else [Observation(seconds)]

        def known_ends(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(auth.revocation_status().known_ends)]

        for name, callback, unit, description in (
            ("staleness", staleness, "s", "By how much this process may be behind with ended sessions."),
            ("poll.duration", poll_duration, "s", "How long the last poll for ended sessions took."),
            ("known_ends", known_ends, "{session}", "Ended sessions that this process knows of."),
        ):
            self._meter.create_observable_gauge(f"watchword.revocation.{name}", [callback], unit, description)
