"""Watchword for Flask: ``auth = Watchword(app)``, then ``@auth.protect()`` and ``auth.identity``."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

import flask

from watchword.arguments import describe
from watchword.auth import Auth
from watchword.durations import Duration
from watchword.errors import InvalidSettings, InvalidToken, MissingToken, WatchwordError
from watchword.sessions import Client, Identity
from watchword.settings import Settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier, check_also
from watchword.web.current import add_identity_source
from watchword.web.flask.endpoints import register_endpoints
from watchword.web.flask.errors import Refused, register_handlers, to_refusal
from watchword.web.flask.installations import (
    INSTALLATIONS,
    make_installation,
    run_before_first_request,
)
from watchword.web.flask.neighbours import (
    exempt_from_csrf,
    hide_tables_from_alembic,
    warn_of_left_over_settings,
)
from watchword.web.flask.views import GuardedViews, answer_preflight, check_view, guard_view
from watchword.web.guard import Requirements
from watchword.web.installation import (
    Installation,
    check_arguments,
    make_repeatable,
    warn_of_default_issuer,
)
from watchword.web.users import LoadUser
from watchword.web.wsgi import WsgiRequest

__all__ = ["Refused", "Watchword"]

P = ParamSpec("P")
R = TypeVar("R")

_EXTENSION = "watchword"  # the first extension of an application, in app.extensions
_IDENTITY = "_watchword_identity"


class Watchword:
    """The Flask extension: guard, identity and endpoints.

    Write ``Watchword(app)``, or ``Watchword()`` and later :meth:`init_app`. Settings come from ``settings``.
    Without it they come from the entries of ``app.config`` that begin with ``WATCHWORD_``, and then from the
    environment. They are checked at once. The store is opened at the first request, or by :meth:`open`. A
    relative path of an SQLite file is relative to the instance folder of the application.

    An application may have several extensions. Each has its own endpoints, identities and guard. Their
    endpoints need different prefixes, and only the first extension publishes its keys.

    Args:
        app: the application.
        auth: an :class:`~watchword.Auth` that the application made. Or a :class:`~watchword.Verifier` or
            :class:`~watchword.MultiIssuer`, for an API that verifies another issuer's tokens: the extension
            then has a guard and identities, but no endpoints. By default an Auth made from the settings.
        also: verifiers of other kinds of tokens, which the guard accepts as well. They are meant for a
            migration, and know nothing of our sessions.
        load_user: returns the application's user for an identity, for :attr:`user`. ``None`` from it means
            that the subject has no user, and is a 401. It must be a plain function.
        settings: replaces the settings of the application and of the environment.
        endpoints: which endpoints are served, by name. ``{"login": False}`` makes our login a 404, so that
            clients cannot bypass a login view of the application. The names are ``login``, ``refresh``,
            ``logout``, ``logout_all``, ``me``, ``sessions``, ``end_session``, ``token``, ``revoke``,
            ``check``, ``jwks`` and ``metadata``.
        auth_options: further arguments for that Auth, such as ``keys``, ``check_password``,
            ``subject_claims`` and ``listeners``.

    Raises:
        InvalidSettings: an argument has the wrong form, or as :meth:`init_app`.
        TypeError: an argument is not an argument of an Auth, or would be ignored beside the given Auth.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        auth: AuthOrVerifier | None = None,
        *,
        also: Iterable[AnyVerifier] = (),
        load_user: LoadUser | None = None,
        settings: Settings | None = None,
        endpoints: Mapping[str, bool] | None = None,
        **auth_options: Any,
    ) -> None:
        auth_options = make_repeatable(auth_options)
        check_arguments(auth, settings, auth_options)
        self._given = auth
        self._also = check_also(also)
        self._load_user = load_user
        self._settings = settings
        self._endpoints = endpoints
        self._auth_options = auth_options
        self._applications: weakref.WeakSet[flask.Flask] = weakref.WeakSet()
        self._only: Callable[[], Installation | None] = _find_none
        self._slot = f"{_IDENTITY}_{id(self)}"
        self._user_slot = f"_watchword_user_{id(self)}"
        self._views = GuardedViews()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Set up an application: its guard, its endpoints, and JSON answers to our errors.

        Raises:
            InvalidSettings: this is not an application, a setting is not usable, another extension has the
                same prefix or would accept the same tokens, or a view is open because ``protect`` stands
                above its route.
        """
        if not isinstance(app, flask.Flask):
            raise InvalidSettings(
                f"app must be the Flask application, not {describe(app)}: write Watchword(app)"
            )
        installations: dict[Watchword, Installation] = app.extensions.setdefault(INSTALLATIONS, {})
        if self in installations:
            raise InvalidSettings(f"this extension is set up for the application {app.name!r} already")
        self._views.refuse_open(app)
        installation = make_installation(
            app,
            self._given,
            self._auth_options,
            self._read_settings(app),
            switches=self._endpoints,
            also=self._also,
            load_user=self._load_user,
        )
        if self._given is None and self._settings is None:
            warn_of_default_issuer(installation.settings)
        warn_of_left_over_settings(app)
        hide_tables_from_alembic(app)
        blueprint = register_endpoints(app, installation, installations.values())
        register_handlers(app)
        run_before_first_request(app, lambda: self._views.refuse_open(app))
        if blueprint is not None:
            exempt_from_csrf(app, blueprint)
            # The protection may be set up after this extension.
            run_before_first_request(app, lambda: exempt_from_csrf(app, blueprint))
        installations[self] = installation
        app.extensions.setdefault(_EXTENSION, installation)
        self._applications.add(app)
        self._only = _find_none

    # -- the Auth ----------------------------------------------------------------------------------

    @property
    def core(self) -> Auth:
        """The Auth of the current application. It is opened if it is not open.

        Outside of an application context it is the Auth of the only application.

        Raises:
            RuntimeError: the extension has no application or several, or is not set up for this application.
            TypeError: the extension was given a Verifier.
            InvalidSettings: the settings do not fit what is in the store.
            StoreUnavailable: the store cannot be opened.
        """
        return self._find_installation().open()

    @property
    def desk(self) -> Auth:
        """Another name of :attr:`core`."""
        return self.core

    def open(self) -> None:
        """Open the store now, not at the first request. Mistakes then show at the start.

        Raises:
            RuntimeError, TypeError, InvalidSettings, StoreUnavailable: as :attr:`core`.
        """
        self._find_installation().open()

    def close(self) -> None:
        """Close the connections and threads that were opened for the applications of this extension.

        An Auth that was given is left open. A later request opens the store anew.
        """
        for app in self._applications:
            app.extensions[INSTALLATIONS][self].close()

    # -- the running request -----------------------------------------------------------------------

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
            raise to_refusal(missing, self._find_installation()) from missing
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
            installation = self._find_installation()
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

        Within a request the methods of :attr:`core` use this client where they are given none.

        Args:
            request: the request. By default the running request.

        Raises:
            TypeError: the extension was given a Verifier.
        """
        return self._find_installation().find_client(WsgiRequest((request or flask.request).environ))

    # -- the guard ---------------------------------------------------------------------------------

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

        For any other request the view raises :class:`Refused`, which is an HTTP error. An OPTIONS request
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
            guarded = guard_view(view, self._check, requirements)
            self._views.add(guarded, view)
            for app in self._applications:
                self._views.refuse_open(app)
            return guarded

        return decorate if view is None else decorate(view)

    def _check(self, requirements: Requirements) -> flask.Response | None:
        """Attach the identity to the request, or raise what the request lacks.

        Returns:
            The response to a request for which the view is not called. ``None`` for all others.
        """
        installation = self._only() or self._find_installation()
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

    # -- applications --------------------------------------------------------------------------------

    def _read_settings(self, app: flask.Flask) -> Settings:
        if isinstance(self._given, Auth):
            return self._given.settings
        return self._settings or Settings.from_application(app.config, os.environ)

    def _find_installation(self) -> Installation:
        """Return what the current application has. With a single application Flask's proxy is not asked.

        Raises:
            RuntimeError: as :attr:`core`.
        """
        applications = list(self._applications)
        if len(applications) == 1:
            (app,) = applications
            self._only = weakref.ref(app.extensions[INSTALLATIONS][self])
        elif not applications:
            raise RuntimeError(
                "this Watchword extension has no application: call init_app(app) first, and keep the app"
            )
        elif not flask.has_app_context():
            raise RuntimeError(
                "this Watchword extension has several applications: say which in `with app.app_context():`"
            )
        else:
            app = flask.current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        installation: Installation | None = app.extensions.get(INSTALLATIONS, {}).get(self)
        if installation is None:
            raise RuntimeError(
                f"this Watchword extension is not set up for the application {app.name!r}: call init_app(app)"
            )
        return installation


def _find_none() -> None:
    """Stand in for the only installation where there are none or several."""


def _find_running_identity() -> Identity | None:
    """Return the identity of the running request, whichever extension found it."""
    if not flask.has_request_context():
        return None
    return getattr(flask.request._get_current_object(), _IDENTITY, None)  # type: ignore[attr-defined]  # noqa: SLF001 - as above


add_identity_source(_find_running_identity)
