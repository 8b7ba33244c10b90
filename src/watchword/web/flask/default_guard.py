"""The guard of a whole application or blueprint, and the requests that it leaves alone."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import flask
from flask.sansio.blueprints import Blueprint

from watchword.arguments import describe
from watchword.errors import InvalidSettings
from watchword.web.flask.endpoints import EndpointBlueprint
from watchword.web.flask.views import GuardedViews, list_layers

__all__ = ["DefaultGuard", "Exemptions", "Guarded"]

Guarded: TypeAlias = flask.Flask | Blueprint
"""What can have a default guard."""

# The exemptions of the extension that guards an application or blueprint. A bearer token belongs to a single
# extension, so two default guards of different extensions would let no request through.
_guards: weakref.WeakKeyDictionary[Guarded, Exemptions] = weakref.WeakKeyDictionary()


class Exemptions:
    """What the default guards of an extension leave alone.

    Args:
        views: the views that the extension guards.

    Attributes:
        number: changes with each exemption that is added.
    """

    def __init__(self, views: GuardedViews) -> None:
        self.number = 0
        self._views = views
        self._public: weakref.WeakSet[Any] = weakref.WeakSet()

    def add_public(self, target: Any) -> None:
        """Leave a view, a class of views or a blueprint alone.

        Raises:
            InvalidSettings: it is none of these, or the extension guards it.
        """
        if isinstance(target, flask.Flask) or not (isinstance(target, Blueprint) or callable(target)):
            raise InvalidSettings(
                f"public() marks views, classes of views and blueprints, not {describe(target)}. "
                'A view of another extension is app.view_functions["its.endpoint"]'
            )
        if isinstance(target, Blueprint):
            if target in _guards:
                raise InvalidSettings(f"the blueprint {target.name!r} cannot be public: it is guarded")
        elif self._views.has(target):
            raise InvalidSettings(_describe_contradiction(target))
        self._add(target)

    def add_optional(self, guarded: Callable[..., Any]) -> None:
        """Leave a view alone because its own guard lets requests without a token through."""
        self._add(guarded)

    def refuse_public(self, view: Callable[..., Any]) -> None:
        """Raise if a view that is to be guarded is public.

        Raises:
            InvalidSettings: it is public.
        """
        if any(layer in self._public and not self._views.has(layer) for layer in list_layers(view)):
            raise InvalidSettings(_describe_contradiction(view))

    def add_guarded(self, target: Guarded) -> None:
        """Record that the extension guards an application or blueprint.

        Raises:
            InvalidSettings: it is neither, it is public, or another extension guards it.
        """
        if not isinstance(target, flask.Flask | Blueprint):
            raise InvalidSettings(
                f"protect_all() guards an application or a blueprint, not {describe(target)}. "
                "A single view has @auth.protect()"
            )
        if target in self._public:
            raise InvalidSettings(f"the blueprint {target.name!r} cannot be guarded: it is public")
        if _guards.setdefault(target, self) is not self:
            raise InvalidSettings(
                f"another extension guards all of {target.name!r} already, and no request has two bearer "
                "tokens. Guard a blueprint with each extension"
            )

    def _add(self, target: Any) -> None:
        self._public.add(target)
        self.number += 1

    def has_view(self, view: Callable[..., Any], method: str) -> bool:
        """Return whether a view is public, is optional, or has the guard of another extension."""
        return any(
            layer in self._public or self._views.is_foreign(layer) for layer in _list_all_layers(view, method)
        )

    def has_blueprint(self, blueprint: Blueprint) -> bool:
        """Return whether a blueprint is public, or has the default guard of another extension."""
        return blueprint in self._public or _guards.get(blueprint, self) is not self


class DefaultGuard:
    """Decides which requests the guard of a whole application or blueprint leaves alone.

    A decision takes longer than the check of a token, so it is kept for each view.

    Args:
        guarded: the application or blueprint.
        exemptions: what the extension that guards it leaves alone.

    Raises:
        InvalidSettings: as :meth:`Exemptions.add_guarded`.
    """

    def __init__(self, guarded: Guarded, exemptions: Exemptions) -> None:
        exemptions.add_guarded(guarded)
        self._guarded = guarded
        self._exemptions = exemptions
        self._number = exemptions.number
        # By endpoint and method. A decision belongs to the view that the endpoint had.
        self._decisions: dict[tuple[str, str], tuple[weakref.ref[Any], bool]] = {}

    def is_exempt(self, request: flask.Request) -> bool:
        """Return whether the guard leaves the running request alone."""
        rule = request.url_rule
        if rule is None:
            return True  # Flask answers 404 or 405, or redirects to the path with a slash at its end.
        app = flask.current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
        view = app.view_functions[rule.endpoint]
        if self._number != self._exemptions.number:
            self._number = self._exemptions.number
            self._decisions.clear()
        key = rule.endpoint, request.method
        decision = self._decisions.get(key)
        if decision is None or decision[0]() is not view:
            decision = self._decisions[key] = weakref.ref(view), self._decide(app, request, view)
        return decision[1]

    def _decide(self, app: flask.Flask, request: flask.Request, view: Callable[..., Any]) -> bool:
        exemptions = self._exemptions
        inner = list(_list_blueprints(app, request, self._guarded))
        return (
            any(isinstance(blueprint, EndpointBlueprint) for blueprint in inner)
            or any(exemptions.has_blueprint(blueprint) for blueprint in inner)
            or _is_static(app, request)
            or exemptions.has_view(view, request.method)
        )


def _list_blueprints(app: flask.Flask, request: flask.Request, guarded: Guarded) -> Iterator[Blueprint]:
    """List the blueprints of a request inside what is guarded, the innermost first."""
    for name in request.blueprints:
        blueprint = app.blueprints[name]
        if blueprint is guarded:
            return
        yield blueprint


def _is_static(app: flask.Flask, request: flask.Request) -> bool:
    """Return whether Flask answers a request with a file of a static folder."""
    if request.blueprint is None:
        return request.endpoint == "static" and app.has_static_folder
    blueprint = app.blueprints[request.blueprint]
    return request.endpoint == f"{request.blueprint}.static" and blueprint.has_static_folder


def _list_all_layers(view: Callable[..., Any], method: str) -> Iterator[Any]:
    """List a view and the functions in it. For a view of a class also list the class and its method."""
    for layer in list_layers(view):
        yield layer
        view_class = getattr(layer, "view_class", None)
        if view_class is None:
            continue
        yield view_class  # A class that inherits from a public class is not public.
        name = method.lower()
        handler = getattr(view_class, name, None) or (name == "head" and getattr(view_class, "get", None))
        if handler:
            yield from list_layers(handler)


def _describe_contradiction(view: Any) -> str:
    return (
        f"the view {getattr(view, '__name__', view)!r} has @auth.public and @auth.protect. Leave one out. "
        "With @auth.protect(optional=True) a view that everyone may call knows its caller"
    )
