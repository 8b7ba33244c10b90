"""The old place of ``Telemetry``: import it from :mod:`watchword.monitoring`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchword import monitoring
from watchword.deprecation import warn_renamed

if TYPE_CHECKING:
    from watchword.monitoring import Telemetry

__all__ = ["Telemetry"]


def __getattr__(name: str) -> Any:
    if name != "Telemetry":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_renamed("watchword.telemetry.Telemetry", "watchword.monitoring.Telemetry")
    return monitoring.Telemetry
