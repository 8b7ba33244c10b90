"""The old place of ``Telemetry``: import it from :mod:`watchword.monitoring`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchword.deprecation import make_getattr

if TYPE_CHECKING:
    from watchword.monitoring import Telemetry

__all__ = ["Telemetry"]

if not TYPE_CHECKING:  # A type checker would accept any name of a module with this function.
    __getattr__ = make_getattr(__name__, {"Telemetry": "watchword.monitoring.Telemetry"})
