"""Metrics from events: OpenTelemetry and Prometheus. Importing the package needs no extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchword.monitoring.opentelemetry import Telemetry

__all__ = ["Telemetry"]


def __getattr__(name: str) -> Any:
    if name != "Telemetry":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from watchword.monitoring.opentelemetry import Telemetry  # noqa: PLC0415 - needs the extra `otel`

    return Telemetry
