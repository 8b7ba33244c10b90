"""Guard endpoints and ASGI applications."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from watchword.arguments import describe
from watchword.errors import InvalidSettings, WatchwordError
from watchword.sessions import Identity
from watchword.web import http
from watchword.web.current import reset_identity, set_identity
from watchword.web.guard import Requirements, refuse_uncallable
from watchword.web.installation import Installation
from watchword.web.starlette.connections import ConnectionChecks
from watchword.web.starlette.errors import find_own_exception, send_refusal, to_starlette_response
from watchword.web.starlette.running import reset_running_scope, set_running_scope
from watchword.web.starlette.sockets import LiveSocket

__all__ = ["GuardedApplication", "Protection"]


class Protection:
    """Guards what serves a route, with the requirements of the route.

    Args:
        installation: what the extension has in the application.
        checks: finds the identity of a connection.
        requirements: what the route requires.
    """

    def __init__(
        self, installation: Installation, checks: ConnectionChecks, requirements: Requirements
    ) -> None:
        self._installation = installation
        self._checks = checks
        self._requirements = requirements

    def guard(self, endpoint: Any) -> Any:
        """Return a guarded endpoint: a function for a function, an ASGI application for everything else.

        Raises:
            InvalidSettings: this is not an endpoint.
        """
        function = endpoint
        while isinstance(function, functools.partial):
            function = function.func
        if inspect.isroutine(function):
            return self._guard_function(endpoint, inspect.iscoroutinefunction(function))
        _check_application(endpoint)
        return GuardedApplication(endpoint, self)

    async def check(self, scope: Scope) -> Identity | None:
        """Return the identity of a connection, if the connection may pass.

        Raises:
            WatchwordError: as :meth:`watchword.web.guard.Guard.check`.
        """
        return await self._checks.check(scope, self._requirements)

    def refuse(self, scope: Scope, error: WatchwordError) -> http.Response:
        """Return our response to an error.

        Raises:
            WatchwordError, RefusedRequest: the application has a handler for it, or the error has no status.
        """
        if error.status is None:
            raise error
        response = self._installation.to_error_response(error)
        own = find_own_exception(scope, error, response)
        if own is error:
            raise error
        if own is not None:
            try:
                raise own from error
            finally:
                del own  # As in the endpoints: the error's traceback and this frame would keep each other.
        return response

    def follow(self, socket: LiveSocket, identity: Identity | None) -> None:
        """Close a WebSocket when the session of its identity is over."""
        self._checks.follow(socket, identity)

    def _guard_function(self, endpoint: Callable[..., Any], is_async: bool) -> Callable[..., Awaitable[Any]]:
        call = endpoint if is_async else functools.partial(run_in_threadpool, endpoint)

        @functools.wraps(endpoint)
        async def call_guarded(*args: Any, **kwargs: Any) -> Any:
            connection = _find_connection(args, kwargs)
            scope = connection.scope
            if scope.get("method") == "OPTIONS":
                return _answer_options(scope)
            try:
                identity = await self.check(scope)
                with _run_as(scope, identity):
                    if isinstance(connection, WebSocket):
                        self._checks.follow_session(connection, identity)
                    return await call(*args, **kwargs)
            except WatchwordError as error:
                response = self.refuse(scope, error)
                if not isinstance(connection, WebSocket):
                    return to_starlette_response(response)
                is_accepted = connection.application_state is WebSocketState.CONNECTED
                await send_refusal(
                    scope, connection.receive, connection.send, response, is_accepted=is_accepted
                )

        return call_guarded


class GuardedApplication:
    """An ASGI application, or a class of endpoints, behind a guard.

    Args:
        app: the application.
        protection: the guard.
    """

    def __init__(self, app: ASGIApp, protection: Protection) -> None:
        functools.update_wrapper(self, app, updated=())
        self._app = app
        self._protection = protection

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes of the application, which ``Mount`` asks for."""
        routes: Sequence[BaseRoute] = getattr(self._app, "routes", ())
        return routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope.get("method") == "OPTIONS":
            await _answer_options(scope)(scope, receive, send)
            return
        started = ""

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"]
            await send(message)

        try:
            identity = await self._protection.check(scope)
            with _run_as(scope, identity):
                if scope["type"] == "http":
                    await self._app(scope, receive, note_start)
                else:
                    socket = LiveSocket(receive, note_start)
                    self._protection.follow(socket, identity)
                    await self._app(scope, socket.receive, socket.send)
        except WatchwordError as error:
            is_accepted = started == "websocket.accept"
            if started and not is_accepted:
                raise
            response = self._protection.refuse(scope, error)
            await send_refusal(scope, receive, send, response, is_accepted=is_accepted)


@contextmanager
def _run_as(scope: Scope, identity: Identity | None) -> Iterator[None]:
    """Let this connection and this identity be the running ones."""
    running, current = set_running_scope(scope), set_identity(identity)
    try:
        yield
    finally:
        reset_identity(current)
        reset_running_scope(running)


def _find_connection(args: Sequence[Any], kwargs: Mapping[str, Any]) -> HTTPConnection:
    """Return the request or WebSocket among the arguments of an endpoint."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, HTTPConnection):
            return value
    raise InvalidSettings(
        "protect() guards endpoints, which take a Request or a WebSocket of Starlette, and this function was "
        "called with neither. In FastAPI write Security(auth.identity) in place of auth.protect"
    )


def _answer_options(scope: Scope) -> Response:
    """Answer an OPTIONS request. The endpoint is not called, because it expects a good token."""
    methods = getattr(scope.get("route"), "methods", None)
    return Response(status_code=204, headers={"Allow": ", ".join(sorted(methods))} if methods else None)


def _check_application(endpoint: object) -> None:
    """Raise unless this is an ASGI application or a class of endpoints.

    Raises:
        InvalidSettings: it is not.
    """
    if isinstance(endpoint, BaseRoute):
        raise InvalidSettings(
            "protect() guards what a route leads to, not the route: Route(path, auth.protect(endpoint))"
        )
    if inspect.isclass(endpoint) and not issubclass(endpoint, HTTPEndpoint | WebSocketEndpoint):
        raise InvalidSettings(
            f"protect() guards functions, HTTPEndpoint and WebSocketEndpoint classes and ASGI applications, "
            f"not {describe(endpoint)}"
        )
    refuse_uncallable(endpoint, "endpoints")
