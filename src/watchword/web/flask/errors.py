"""Turn our errors into HTTP errors and responses of Flask.

An error without an HTTP status is a mistake of the application. Flask treats it as any other exception: with
the debugger, the log, the handlers of the application and its page for status 500.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import flask
from werkzeug.exceptions import HTTPException, default_exceptions

from watchword import errors
from watchword.errors import WatchwordError
from watchword.web.flask.installations import find_running_installation
from watchword.web.http import Response
from watchword.web.installation import Installation

__all__ = ["Refused", "register_handlers", "to_flask_response", "to_refusal"]


class Refused(HTTPException):
    """A request that a guard refused.

    Flask, and extensions such as Flask-RESTX, answer an ``HTTPException`` with its status, and any other
    exception with 500. Each refusal is also the werkzeug exception of its status, for
    ``@app.errorhandler(401)``.

    Attributes:
        error: why the request was refused, with its stable ``code``.
        data: the body of the response. Flask-RESTX reads it.
    """

    def __init__(self, error: WatchwordError, response: Response) -> None:
        super().__init__(description=str(error), response=to_flask_response(response))
        self.error = error
        self.data = flask.json.loads(response.body)

    def get_headers(self, *_: Any) -> list[tuple[str, str]]:
        """Return the headers of the response, with the challenge."""
        return [(name, value) for name, value in self.get_response().headers if name != "Content-Length"]


def to_refusal(error: WatchwordError, installation: Installation) -> Refused:
    """Return the HTTP error for an error that has a status."""
    return _make_refusal_class(error.status)(error, installation.to_error_response(error))


@functools.cache
def _make_refusal_class(status: int | None) -> type[Refused]:
    base = default_exceptions.get(status or 500, HTTPException)
    return type(f"Refused{base.__name__}", (Refused, base), {"code": status})


def to_flask_response(response: Response) -> flask.Response:
    """Return our response as Flask's."""
    # Not b"": Flask would replace the Content-Length of a response to HEAD with its own.
    flask_response = flask.Response(response.body or None, response.status, list(response.headers))
    if "Content-Type" not in dict(response.headers):
        del flask_response.headers["Content-Type"]  # Flask guesses a type even without a body.
    return flask_response


def register_handlers(app: flask.Flask) -> None:
    """Answer refusals and our errors that have a status, unless the application has handlers for them.

    The application's handlers may be registered before or after this, for a single error or for
    :class:`~watchword.errors.WatchwordError`, on the application or on a blueprint.
    """
    taken = app.error_handler_spec[None][None]
    if Refused not in taken:
        app.register_error_handler(Refused, _on_refusal)
    for kind in _KINDS:
        if kind not in taken:
            app.register_error_handler(kind, _on_error)


def _list_topmost() -> Iterable[type[WatchwordError]]:
    """List the topmost classes of errors that have a status."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        if kind.status is not None and kind.__base__.status is None:
            yield kind


_KINDS = tuple(_list_topmost())


def _on_refusal(refusal: Refused) -> flask.typing.ResponseReturnValue:
    return _ask_application(refusal.error) or refusal.get_response()


def _on_error(error: WatchwordError) -> flask.typing.ResponseReturnValue:
    installation = find_running_installation()
    return _ask_application(error) or to_flask_response(installation.to_error_response(error))


def _ask_application(error: WatchwordError) -> flask.typing.ResponseReturnValue | None:
    """Return the response of the application's own handler, or ``None`` without a handler for this error."""
    handlers = flask.current_app.error_handler_spec
    for name in (*flask.request.blueprints, None):
        own = handlers[name][None]
        for kind in type(error).__mro__:
            handler: Callable[..., Any] | None = own.get(kind)
            if handler is not None and handler is not _on_error:
                answer: flask.typing.ResponseReturnValue = flask.current_app.ensure_sync(handler)(error)
                return answer
            if kind is WatchwordError:
                break
    return None
