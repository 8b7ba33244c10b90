"""Guard views: functions, methods and classes, synchronous and on an event loop."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.views import View

from watchword.errors import InvalidSettings, WatchwordError
from watchword.sessions import Identity
from watchword.web.current import reset_identity, set_identity
from watchword.web.guard import refuse_uncallable

__all__ = ["ViewGuard", "guard_view"]


class ViewGuard(NamedTuple):
    """What a guarded view asks about each request.

    Attributes:
        admit: returns the identity of a request after attaching it, or raises what the request lacks.
        admit_async: does the same without blocking the event loop.
        vary: tells caches that a response is for one user. Returns what the view returned.
        refuse: returns the response for an error, or raises an error without a status again.
        is_optional: whether a request without a token passes.
    """

    admit: Callable[[HttpRequest], Identity | None]
    admit_async: Callable[[HttpRequest], Awaitable[Identity | None]]
    vary: Callable[[Any], Any]
    refuse: Callable[[WatchwordError], HttpResponse]
    is_optional: bool


def guard_view(view: Any, guard: ViewGuard) -> Any:
    """Return a view that is called only if the guard lets the request pass.

    A class is changed in place, as ``method_decorator(..., name="dispatch")`` changes it. An OPTIONS request
    passes without a token, but only to the part of a class that answers OPTIONS. A function is not called for
    it, because a function may ignore the method.

    Raises:
        InvalidSettings: this is not a view, or it is served without the guard already.
    """
    if inspect.isclass(view):
        return _guard_class(view, guard)
    refuse_uncallable(view, "functions and classes")
    _refuse_open_operation(view)
    owner = _find_owner(view)
    is_async = iscoroutinefunction(view) or (owner is not None and owner.view_is_async)
    guarded = _guard_coroutine(view, guard, owner) if is_async else _guard_function(view, guard, owner)
    return _mark(guarded, guard)


def _guard_function(view: Callable[..., Any], guard: ViewGuard, owner: View | None) -> Callable[..., Any]:
    admit, vary, refuse = guard.admit, guard.vary, guard.refuse

    @wraps(view)
    def call_guarded(*args: Any, **kwargs: Any) -> Any:
        request = args[0] if args and isinstance(args[0], HttpRequest) else _find_request(args)
        if request.method == "OPTIONS":
            return _answer_options(owner or args[0], request)
        try:
            identity = admit(request)
        except WatchwordError as error:
            return refuse(error)
        token = set_identity(identity)
        try:
            return vary(view(*args, **kwargs))
        finally:
            reset_identity(token)

    return call_guarded


def _guard_coroutine(view: Callable[..., Any], guard: ViewGuard, owner: View | None) -> Callable[..., Any]:
    @wraps(view)
    async def call_guarded_async(*args: Any, **kwargs: Any) -> Any:
        request = _find_request(args)
        if request.method == "OPTIONS":
            response = _answer_options(owner or args[0], request)
            return await response if inspect.isawaitable(response) else response
        try:
            identity = await guard.admit_async(request)
        except WatchwordError as error:
            return guard.refuse(error)
        token = set_identity(identity)
        try:
            return guard.vary(await view(*args, **kwargs))
        finally:
            reset_identity(token)

    return call_guarded_async


def _guard_class(view: type, guard: ViewGuard) -> type:
    dispatch = getattr(view, "dispatch", None)
    if dispatch is None:
        raise InvalidSettings(
            f"protect() guards classes with a method dispatch, such as View, and {view.__name__} has none: "
            "decorate the functions or methods that answer requests"
        )
    call_guarded = _guard_function(dispatch, guard, None)
    call_guarded_async = _guard_coroutine(dispatch, guard, None)

    @wraps(dispatch)
    def dispatch_guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A subclass may have the first methods, so the class does not know it when it is decorated.
        call = call_guarded_async if getattr(self, "view_is_async", False) else call_guarded
        return call(self, *args, **kwargs)

    setattr(view, "dispatch", _mark(dispatch_guarded, guard))  # noqa: B010 - mypy knows no dispatch here
    return view


def _mark(guarded: Any, guard: ViewGuard) -> Any:
    """Tell Django's middleware that this guard stands in the place of its own.

    A page of another site cannot send a bearer token, so a view that demands a token needs no CSRF token. A
    view whose identity is optional may act for a user with a session cookie, so it stays protected.
    """
    guarded.login_required = False
    if not guard.is_optional:
        guarded.csrf_exempt = True
    return guarded


def _find_request(args: tuple[Any, ...]) -> HttpRequest:
    """Return the request among the first arguments of a function or of a method."""
    for given in args[:2]:
        if isinstance(given, HttpRequest):
            return given
        inner = getattr(given, "_request", None)  # as Django REST framework wraps it
        if isinstance(inner, HttpRequest):
            return inner
    raise InvalidSettings(
        "protect() guards views, whose first argument is the request. This function was called without a "
        "request: decorate the view"
    )


def _answer_options(owner: Any, request: HttpRequest) -> Any:
    """Answer an OPTIONS request without the view. A class says which methods it has."""
    if isinstance(owner, View):
        return View.options(owner, request)
    return HttpResponse(status=204)


def _refuse_open_operation(view: Callable[..., Any]) -> None:
    """Raise if ninja serves a view already: it has kept the function without the guard.

    Raises:
        InvalidSettings: the view is an operation of ninja.
    """
    if any(hasattr(layer, "_ninja_operation") for layer in _unwrap(view)):
        raise InvalidSettings(
            f"the operation {getattr(view, '__name__', view)!r} is open to every client, because protect() "
            "stands above its route: put @api.get(...) above @protect, or write "
            "@api.get(..., auth=WatchwordBearer()). To serve the function without the guard as well, write a "
            "second function."
        )


def _find_owner(view: Callable[..., Any]) -> View | None:
    """Return the object whose method this is, also through ``method_decorator``."""
    for layer in _unwrap(view):
        owner = getattr(getattr(layer, "func", layer), "__self__", None)
        if isinstance(owner, View):
            return owner
    return None


def _unwrap(view: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """List a view and the functions that its decorators have wrapped, the outermost first."""
    layer: Callable[..., Any] | None = view
    while layer is not None:
        yield layer
        layer = getattr(layer, "__wrapped__", None)
