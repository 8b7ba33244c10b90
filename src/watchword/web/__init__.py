"""The HTTP API, and how a web framework gets at it."""
