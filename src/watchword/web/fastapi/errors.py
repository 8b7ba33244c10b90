"""Turn our errors into HTTP errors and responses of FastAPI.

Without our handlers FastAPI answers an HTTP error with its ``detail``, which is our JSON.
"""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import msgspec
from fastapi import FastAPI, HTTPException
from fastapi.exception_handlers import http_exception_handler
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketState

from watchword.errors import WatchwordError
from watchword.web import http
from watchword.web.installation import Installation
from watchword.web.starlette.errors import (
    RefusedRequest,
    add_framework_handler,
    find_own_exception,
    find_own_handler,
    send_refusal,
    to_starlette_response,
)

__all__ = ["ErrorHandlers", "RefusedOperation", "refuse"]


class RefusedOperation(RefusedRequest, HTTPException):
    """An error of ours as an HTTP error of FastAPI. Its ``detail`` is the body of our response."""

    def __init__(self, error: WatchwordError, response: http.Response) -> None:
        super().__init__(error, response, msgspec.json.decode(response.body))


def refuse(installation: Installation, scope: Scope, error: WatchwordError) -> NoReturn:
    """Raise what a dependency raises for an error of ours.

    Raises:
        WatchwordError: the error itself. It has no status, or the application has a handler for it.
        RefusedOperation: in all other cases.
    """
    if error.status is None:
        raise error
    response = installation.to_error_response(error)
    own = find_own_exception(scope, error, response, RefusedOperation)
    if own is error:
        raise error
    raise (own or RefusedOperation(error, response)) from error


class ErrorHandlers:
    """Answers errors of ours in an application that has no handlers of its own for them.

    Args:
        installation: what the extension has in the application.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def register(self, app: FastAPI) -> None:
        """Register the handlers, unless the application has handlers for these errors."""
        # FastAPI declares handlers of requests only, and calls them with WebSockets, too.
        handlers: dict[Any, Any] = app.exception_handlers
        handlers.setdefault(WatchwordError, self.on_error)
        handlers.setdefault(RefusedOperation, self.on_refusal)

    async def on_error(self, connection: HTTPConnection, error: Exception) -> Response | None:
        """Answer an error that an operation has raised."""
        if not isinstance(error, WatchwordError) or error.status is None:
            raise error  # A mistake of the application leaves a traceback in the log.
        return await _send(connection, self._installation.to_error_response(error))

    async def on_refusal(self, connection: HTTPConnection, refusal: Exception) -> Response | None:
        """Answer a request that a dependency has refused. An application's handler of HTTP errors wins."""
        if not isinstance(refusal, RefusedOperation):
            raise refusal
        own = find_own_handler(connection.scope, refusal)
        if own is not None:
            return await _call(own, connection, refusal)
        return await _send(connection, refusal.response)


async def _call(handler: Any, connection: HTTPConnection, error: Exception) -> Response | None:
    if inspect.iscoroutinefunction(handler):
        response: Response | None = await handler(connection, error)
    else:
        response = await run_in_threadpool(handler, connection, error)
    return response


async def _send(connection: HTTPConnection, response: http.Response) -> Response | None:
    """Return the response to a request. Send it to a WebSocket, which may be accepted."""
    if isinstance(connection, WebSocket):
        is_accepted = connection.application_state is WebSocketState.CONNECTED
        await send_refusal(
            connection.scope, connection.receive, connection.send, response, is_accepted=is_accepted
        )
        return None
    assert isinstance(connection, Request)  # noqa: S101 - there are no other connections
    return to_starlette_response(response)


for _handler in (http_exception_handler, ErrorHandlers.on_error, ErrorHandlers.on_refusal):
    add_framework_handler(_handler)
