"""The guard of a Flask application: ``@auth.protect()``, ``auth.protect_all(app)``, ``auth.check()``."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal, ParamSpec, TypeVar, overload

import flask

from watchword.durations import Duration
from watchword.errors import InvalidSettings, InvalidToken, MissingToken, WatchwordError
from watchword.sessions import Client, Identity
from watchword.web.current import add_identity_source
from watchword.web.flask.default_guard import DefaultGuard, Exemptions
from watchword.web.flask.errors import to_refusal
from watchword.web.flask.installations import InstalledApplications
from watchword.web.flask.views import GuardedViews, answer_preflight, check_view, guard_view
from watchword.web.guard import Requirements
from watchword.web.wsgi import WsgiRequest

__all__ = ["FlaskGuard"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_IDENTITY = "_watchword_identity"


class FlaskGuard:
    """Guards views, and knows the identity of the running request."""

    def __init__(self) -> None:
        self._installed = InstalledApplications(self)
        self._slot = f"{_IDENTITY}_{id(self)}"
        self._user_slot = f"_watchword_user_{id(self)}"
        self._views = GuardedViews()
        self._exemptions = Exemptions(self._views)
        self._decorators: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()

    @property
    def identity(self) -> Identity:
        """The identity of the running request.

        Raises:
            Refused: the request has no identity. The answer is a 401. The view is not protected, or its
                identity is optional.
        """
        identity = self._find_identity()
        if identity is None:
            missing = MissingToken()
            raise to_refusal(missing, self._installed.find()) from missing
        return identity

    @property
    def user(self) -> Any:
        """The user of the application for the :attr:`identity`, as ``load_user`` returns it.

        It is loaded when it is first read in a request, and kept for that request.

        Raises:
            Refused: the request has no identity, or ``load_user`` returned ``None``. The answer is a 401.
            InvalidSettings: the extension has no ``load_user``.
        """
        request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
        attributes = request.__dict__
        if self._user_slot not in attributes:
            installation = self._installed.find_only() or self._installed.find()
            try:
                attributes[self._user_slot] = installation.users.load(self.identity)
            except InvalidToken as error:
                raise to_refusal(error, installation) from error
        return attributes[self._user_slot]

    @property
    def is_authenticated(self) -> bool:
        """Whether the running request has an :attr:`identity`. For views with ``optional=True``."""
        return self._find_identity() is not None

    def client(self, request: flask.Request | None = None) -> Client:
        """Return the address and user agent of a request's client, behind trusted proxies or not.

        Within a request the methods of ``core`` use this client where they are given none.

        Args:
            request: the request. By default the running request.

        Raises:
            TypeError: the extension was given a Verifier.
        """
        return self._installed.find().find_client(WsgiRequest((request or flask.request).environ))

    @overload
    def protect(self, view: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def protect(
        self,
        view: None = None,
        /,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def protect(
        self,
        view: Callable[..., Any] | None = None,
        /,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Callable[..., Any]:
        """Guard a view, as a decorator below ``@app.route``. The view is called only with a good token.

        For any other request the view raises ``Refused``, which is an HTTP error. An OPTIONS request
        needs no token: it is answered as Flask answers it, and the view is not called.

        Args:
            view: the view, if there are no parentheses.
            scopes: the token must grant all of these. Otherwise 403.
            any_scopes: the token must grant at least one of these. Otherwise 403.
            fresh: how long ago the subject may have logged in at most, in seconds or as a timedelta.
                Otherwise 401.
            optional: a request without a token passes, without an identity. A request with a bad token does
                not.

        Raises:
            InvalidSettings: an argument has the wrong form, the view is a class, or the view has been
                registered without the guard.
        """
        requirements = Requirements(scopes=scopes, any_scopes=any_scopes, fresh=fresh, optional=optional)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            check_view(view)
            self._exemptions.refuse_public(view)
            guarded = guard_view(view, self._check, requirements)
            self._views.add(guarded, view)
            if optional:
                self._exemptions.add_optional(guarded)
            for app in self._installed:
                self._views.refuse_open(app)
            return guarded

        self._decorators.add(decorate)
        return decorate if view is None else decorate(view)

    def protect_all(
        self,
        guarded: flask.Flask | flask.Blueprint,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
    ) -> None:
        """Guard every view of an application or of a blueprint, also views that are added later.

        Views with the mark :meth:`public` or ``@auth.protect(optional=True)`` are left alone. So are views
        with the guard of another extension, our endpoints, static files and OPTIONS requests. An unknown path
        stays a 404, and a wrong method a 405. What a view requires by its own :meth:`protect` is checked too.

        Args:
            guarded: the application, for which the extension is set up already. Or a blueprint that is not
                registered yet.
            scopes: as in :meth:`protect`.
            any_scopes: as in :meth:`protect`.
            fresh: as in :meth:`protect`.

        Raises:
            InvalidSettings: an argument has the wrong form, the extension is not set up for the application,
                or another extension guards the same.
        """
        requirements = Requirements(scopes=scopes, any_scopes=any_scopes, fresh=fresh)
        if isinstance(guarded, flask.Flask) and guarded not in self._installed:
            raise InvalidSettings(
                f"protect_all() needs an extension that is set up for the application {guarded.name!r}: "
                "call auth.init_app(app) first"
            )
        default = DefaultGuard(guarded, self._exemptions)

        def check() -> flask.Response | None:
            request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
            return None if default.is_exempt(request) else self._check(requirements)

        guarded.before_request(check)

    @overload
    def public(self, target: T, /) -> T: ...

    @overload
    def public(self, target: None = None, /) -> Callable[[T], T]: ...

    def public(self, target: Any = None, /) -> Any:
        """Let every client call a view in spite of :meth:`protect_all`: a decorator above or below the route.

        The view has no identity. A view that knows its caller has ``@auth.protect(optional=True)`` instead.

        Args:
            target: a view, a class of views, a method of such a class, or a blueprint.

        Raises:
            InvalidSettings: it is none of these, or the extension guards it.
        """
        if target is None:
            return self.public
        self._exemptions.add_public(target)
        return target

    @overload
    def check(
        self,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: Literal[False] = False,
    ) -> Identity: ...

    @overload
    def check(
        self,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool,
    ) -> Identity | None: ...

    def check(
        self,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Identity | None:
        """Check the running request as :meth:`protect` does. Meant for the middle of a view, and for hooks.

        An OPTIONS request is answered at once, as Flask answers it.

        Args:
            scopes: as in :meth:`protect`.
            any_scopes: as in :meth:`protect`.
            fresh: as in :meth:`protect`.
            optional: as in :meth:`protect`.

        Returns:
            The identity, which :attr:`identity` is from now on. ``None`` where it is optional and the request
            has no token.

        Raises:
            Refused: as from a view with :meth:`protect`.
            InvalidSettings: an argument has the wrong form.
        """
        response = self._check(
            Requirements(scopes=scopes, any_scopes=any_scopes, fresh=fresh, optional=optional)
        )
        if response is not None:
            flask.abort(response)
        return self._find_identity()

    def _refuse_mistakes(self, app: flask.Flask) -> None:
        """Raise if a view is open by mistake, or if a part of the guard is a hook by mistake.

        Raises:
            InvalidSettings: there is such a view or hook.
        """
        self._views.refuse_open(app)
        no_hooks: Collection[Any] = (self.check, self.protect)
        for hook in itertools.chain.from_iterable(app.before_request_funcs.values()):
            if hook in no_hooks or hook in self._decorators:
                raise InvalidSettings(
                    "before_request() takes neither auth.check nor auth.protect, because Flask would send "
                    "what they return. Write auth.protect_all(app), or auth.protect_all(blueprint)"
                )

    def _check(self, requirements: Requirements) -> flask.Response | None:
        """Attach the identity to the request, or raise what the request lacks.

        Returns:
            The response to a request for which the view is not called. ``None`` for all others.
        """
        installation = self._installed.find_only() or self._installed.find()
        request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
        try:
            identity = installation.guard.check(WsgiRequest(request.environ), requirements)
        except WatchwordError as error:
            if error.status is None:
                raise
            raise to_refusal(error, installation) from error
        if identity is None:
            return answer_preflight(request)
        attributes = request.__dict__  # This takes a third of the time of setattr.
        attributes[self._slot] = attributes[_IDENTITY] = identity
        return None

    def _find_identity(self) -> Identity | None:
        """Return the identity that the guard attached to the running request."""
        request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
        return getattr(request, self._slot, None)


def _find_running_identity() -> Identity | None:
    """Return the identity of the running request, whichever extension found it."""
    if not flask.has_request_context():
        return None
    return getattr(flask.request._get_current_object(), _IDENTITY, None)  # type: ignore[attr-defined]  # noqa: SLF001 - as above


add_identity_source(_find_running_identity)
