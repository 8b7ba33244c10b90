"""The HTTP API, and how a web framework gets at it."""

from watchword.web.current import current_identity

__all__ = ["current_identity"]
