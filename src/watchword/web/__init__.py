"""The HTTP API, the guard of views, and the adapters for web frameworks."""

from watchword.web.current import current_identity

__all__ = ["current_identity"]
