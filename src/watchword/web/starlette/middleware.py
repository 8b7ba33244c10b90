"""The middleware of the Starlette extension: the user of each request, our errors, the life of the store."""

from __future__ import annotations

from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchword.errors import WatchwordError
from watchword.sessions import Identity
from watchword.web.current import reset_identity, set_identity
from watchword.web.installation import Installation
from watchword.web.starlette.connections import ConnectionChecks
from watchword.web.starlette.endpoints import settle_extensions
from watchword.web.starlette.errors import send_refusal
from watchword.web.starlette.lifespan import keep_open
from watchword.web.starlette.running import reset_running_scope, set_running_scope

__all__ = ["UserMiddleware"]


class UserMiddleware:
    """Sets ``request.user`` and ``request.auth``, and refuses no request.

    A request without a good token is anonymous. The store is opened at the start of the application and
    closed at its end.

    Args:
        app: the application inside.
        installation: what the extension has in the application.
        checks: finds the identity of a connection.
    """

    def __init__(self, app: ASGIApp, installation: Installation, checks: ConnectionChecks) -> None:
        self._app = app
        self._installation = installation
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        running = set_running_scope(scope)
        await self._checks.identify(scope)
        user = scope["user"]  # The middleware of another extension may have found an identity.
        current = set_identity(user if isinstance(user, Identity) else None)
        try:
            await self._serve(scope, receive, send)
        finally:
            reset_identity(current)
            reset_running_scope(running)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. Answer an error of ours that the application has not answered."""
        started = ""

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"]
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except WatchwordError as error:
            is_accepted = started == "websocket.accept"
            if error.status is None or (started and not is_accepted):
                raise
            response = self._installation.to_error_response(error)
            await send_refusal(scope, receive, send, response, is_accepted=is_accepted)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the store before the application reports its start, and close it before it reports its end."""
        async with AsyncExitStack() as stack:

            async def report(message: Message) -> None:
                if message["type"] == "lifespan.startup.complete":
                    # What is raised here is the application's own failure to start.
                    settle_extensions(getattr(scope.get("app"), "routes", ()))
                    await stack.enter_async_context(keep_open(self._installation))
                elif message["type"].startswith("lifespan.shutdown."):
                    await stack.aclose()
                await send(message)

            await self._app(scope, receive, report)
