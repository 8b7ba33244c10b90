"""The HTTP API, and what web frameworks need to serve it."""

from watchword.web.current import current_identity

__all__ = ["current_identity"]
