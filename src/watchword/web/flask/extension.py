"""Watchword for Flask: ``auth = Watchword(app)``, then ``@auth.protect()`` and ``auth.identity``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import flask

from watchword.arguments import describe
from watchword.auth import Auth
from watchword.errors import InvalidSettings
from watchword.settings import Settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier, check_also
from watchword.web.flask.endpoints import register_endpoints
from watchword.web.flask.errors import Refused, register_handlers
from watchword.web.flask.guard import FlaskGuard
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
from watchword.web.installation import (
    Installation,
    check_arguments,
    make_repeatable,
    warn_of_default_issuer,
)
from watchword.web.users import LoadUser

__all__ = ["Refused", "Watchword"]

_EXTENSION = "watchword"  # the first extension of an application, in app.extensions


class Watchword(FlaskGuard):
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
        super().__init__()
        auth_options = make_repeatable(auth_options)
        check_arguments(auth, settings, auth_options)
        self._given = auth
        self._also = check_also(also)
        self._load_user = load_user
        self._settings = settings
        self._endpoints = endpoints
        self._auth_options = auth_options
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
        self._refuse_mistakes(app)
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
            warn_of_default_issuer(installation.settings, app.config, os.environ, self._auth_options)
        warn_of_left_over_settings(app)
        hide_tables_from_alembic(app)
        blueprint = register_endpoints(app, installation, installations.values())
        register_handlers(app)
        run_before_first_request(app, lambda: self._refuse_mistakes(app))
        if blueprint is not None:
            exempt_from_csrf(app, blueprint)
            # The protection may be set up after this extension.
            run_before_first_request(app, lambda: exempt_from_csrf(app, blueprint))
        self._installed.add(app, installation)
        app.extensions.setdefault(_EXTENSION, installation)

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
        return self._installed.find().open()

    @property
    def desk(self) -> Auth:
        """Another name of :attr:`core`."""
        return self.core

    def open(self) -> None:
        """Open the store now, not at the first request. Mistakes then show at the start.

        Raises:
            RuntimeError, TypeError, InvalidSettings, StoreUnavailable: as :attr:`core`.
        """
        self._installed.find().open()

    def close(self) -> None:
        """Close the connections and threads that were opened for the applications of this extension.

        An Auth that was given is left open. A later request opens the store anew.
        """
        for installation in self._installed.list_installations():
            installation.close()

    def _read_settings(self, app: flask.Flask) -> Settings:
        if isinstance(self._given, Auth):
            return self._given.settings
        return self._settings or Settings.from_application(app.config, os.environ)
