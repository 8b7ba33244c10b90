"""Turn our errors into HTTP errors and responses of Starlette.

An error without an HTTP status is a mistake of the application. Starlette treats it as any other exception.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from watchword.errors import WatchwordError
from watchword.web import http

__all__ = [
    "RefusedRequest",
    "add_framework_handler",
    "find_own_exception",
    "find_own_handler",
    "send_refusal",
    "to_starlette_response",
]

_CLOSE_CODES = 4000  # Codes from 4000 on belong to applications (RFC 6455 §7.4.2). 4401 stands for a 401.


class RefusedRequest(HTTPException):
    """An error of ours as an HTTP error, for handlers of the application that know only HTTP errors.

    Args:
        error: why the request is refused, with its stable ``code``.
        response: our response to the error.
        detail: what a handler of ``HTTPException`` shows. By default the message.

    Attributes:
        error: the error.
        response: the response.
    """

    def __init__(self, error: WatchwordError, response: http.Response, detail: Any = None) -> None:
        headers = {name: value for name, value in response.headers if name != "Content-Type"}
        super().__init__(response.status, str(error) if detail is None else detail, headers)
        self.error = error
        self.response = response


_framework_handlers: set[Any] = {ExceptionMiddleware.http_exception}


def add_framework_handler(handler: Callable[..., Any]) -> None:
    """Declare a handler that is not the application's own. Adapters call this at import."""
    _framework_handlers.add(handler)


def find_own_exception(
    scope: Scope,
    error: WatchwordError,
    response: http.Response,
    refusal: Callable[[WatchwordError, http.Response], RefusedRequest] = RefusedRequest,
) -> WatchwordError | RefusedRequest | None:
    """Return the exception that a handler of the application takes, or ``None`` without such a handler.

    Args:
        scope: the scope of the connection.
        error: an error that has a status.
        response: our response to it.
        refusal: makes an HTTP error of the error.
    """
    if find_own_handler(scope, error) is not None:
        return error
    refused = refusal(error, response)
    _, status_handlers = _find_handlers(scope)
    if response.status in status_handlers or find_own_handler(scope, refused) is not None:
        return refused
    return None


def find_own_handler(scope: Scope, error: Exception) -> Callable[..., Any] | None:
    """Return the application's own handler for a kind of exception, or ``None``."""
    handlers, _ = _find_handlers(scope)
    for kind in type(error).__mro__:
        handler: Callable[..., Any] | None = handlers.get(kind)
        if handler is not None and getattr(handler, "__func__", handler) not in _framework_handlers:
            return handler
    return None


def to_starlette_response(response: http.Response) -> Response:
    """Return our response as Starlette's."""
    answer = Response(response.body, response.status)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if any(name == b"content-length" for name, _ in headers):  # of a response to HEAD
        answer.raw_headers = headers
    else:
        answer.raw_headers += headers
    return answer


async def send_refusal(
    scope: Scope, receive: Receive, send: Send, response: http.Response, *, is_accepted: bool = False
) -> None:
    """Send the response to an error.

    A WebSocket that is not accepted gets the response itself, if the server can send it. Otherwise the server
    sends a 403 of its own. An accepted WebSocket is closed with a code such as 4401.

    Args:
        scope: the scope of the connection.
        receive: receives from the client.
        send: sends to the client.
        response: the response.
        is_accepted: whether the connection is a WebSocket that was accepted.
    """
    is_websocket = scope["type"] == "websocket"
    if is_websocket and (is_accepted or "websocket.http.response" not in scope.get("extensions", {})):
        await send({"type": "websocket.close", "code": _CLOSE_CODES + response.status, "reason": ""})
    else:
        await to_starlette_response(response)(scope, receive, send)


def _find_handlers(scope: Scope) -> tuple[dict[Any, Any], dict[int, Any]]:
    """Return the handlers of the application, by class of exception and by status."""
    handlers: tuple[dict[Any, Any], dict[int, Any]] = scope.get("starlette.exception_handlers", ({}, {}))
    return handlers
