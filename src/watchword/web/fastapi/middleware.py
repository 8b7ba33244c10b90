"""The middleware of the FastAPI extension: the methods of the Auth find the client of the running request."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from watchword.web.current import reset_identity, set_identity
from watchword.web.starlette.running import reset_running_scope, set_running_scope

__all__ = ["RunningMiddleware"]


class RunningMiddleware:
    """Sets the running connection, and ends what a dependency has set for it.

    Args:
        app: the application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        running, current = set_running_scope(scope), set_identity(None)
        try:
            await self._app(scope, receive, send)
        finally:
            reset_identity(current)
            reset_running_scope(running)
