"""Metrics from events: OpenTelemetry and Prometheus."""
