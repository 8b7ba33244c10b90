"""Guard views, and find views that are open because their decorators are in the wrong order."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import flask

from watchword.errors import InvalidSettings
from watchword.web.guard import Requirements, refuse_uncallable

__all__ = ["GuardedViews", "answer_preflight", "check_view", "guard_view", "list_layers"]


# The guarded views of all extensions: a function may be behind the guards of two extensions at two paths.
_guarded: weakref.WeakKeyDictionary[Callable[..., Any], GuardedViews] = weakref.WeakKeyDictionary()


class GuardedViews:
    """The views that an extension guards. It keeps neither the views nor their applications alive."""

    def __init__(self) -> None:
        self._bare: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()

    def add(self, guarded: Callable[..., Any], view: Callable[..., Any]) -> None:
        """Add a guarded view, and the view inside it, which must not be registered without its guard."""
        _guarded[guarded] = self
        if not _is_guarded(view):
            self._bare.add(view)

    def has(self, view: Callable[..., Any]) -> bool:
        """Return whether the extension guards a view, also below other decorators."""
        return any(_guarded.get(layer) is self for layer in list_layers(view))

    def is_foreign(self, layer: Callable[..., Any]) -> bool:
        """Return whether this is the guard of another extension around a view."""
        return _guarded.get(layer, self) is not self

    def refuse_open(self, app: flask.Flask) -> None:
        """Raise if a guarded view is registered in an application without its guard.

        Raises:
            InvalidSettings: there is such a view.
        """
        for endpoint, view in app.view_functions.items():
            if not _is_guarded(view) and any(layer in self._bare for layer in list_layers(view)):
                raise InvalidSettings(
                    f"the view {endpoint!r} is open to every client, because protect() stands above its "
                    "route: put @app.route(...) above @auth.protect(). To serve the view without the guard "
                    "as well, write a second function."
                )


def guard_view(
    view: Callable[..., Any],
    check: Callable[[Requirements], flask.Response | None],
    requirements: Requirements,
) -> Callable[..., Any]:
    """Return a view that is called only if the check returns ``None``. Any other response is sent instead."""
    if inspect.iscoroutinefunction(view):

        @wraps(view)
        async def call_guarded_async(*args: Any, **kwargs: Any) -> Any:
            response = check(requirements)
            return await view(*args, **kwargs) if response is None else response

        return call_guarded_async

    @wraps(view)
    def call_guarded(*args: Any, **kwargs: Any) -> Any:
        response = check(requirements)
        return view(*args, **kwargs) if response is None else response

    return call_guarded


def answer_preflight(request: flask.Request) -> flask.Response | None:
    """Answer an OPTIONS request as Flask does without a guard. ``None`` for all other requests.

    Raises:
        HTTPException: the path is unknown, or does not have OPTIONS.
    """
    if request.method != "OPTIONS":
        return None
    if request.routing_exception is not None:
        raise request.routing_exception
    return flask.current_app.make_default_options_response()


def check_view(view: object) -> None:
    """Raise unless this can be a view.

    Raises:
        InvalidSettings: it is a class, whose route would lead to the class itself, or it cannot be called.
    """
    if inspect.isclass(view):
        raise InvalidSettings(
            f"protect() guards functions, and {view.__name__} is a class. Write "
            "`decorators = [auth.protect()]` in a MethodView, `method_decorators = [auth.protect()]` in a "
            "resource of Flask-RESTX or Flask-RESTful, or decorate the methods."
        )
    refuse_uncallable(view, "functions")


def _is_guarded(view: Callable[..., Any]) -> bool:
    return any(layer in _guarded for layer in list_layers(view))


def list_layers(view: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """List a view and the functions that its decorators have wrapped, the outermost first."""
    layer: Callable[..., Any] | None = view
    while layer is not None:
        yield layer
        layer = getattr(layer, "__wrapped__", None)
