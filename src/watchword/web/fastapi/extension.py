"""Watchword for FastAPI: ``auth = Watchword(app)``, then ``Security(auth.identity)``."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from fastapi import APIRouter, FastAPI

from watchword.arguments import describe
from watchword.errors import InvalidSettings
from watchword.settings import Settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier
from watchword.web.fastapi.dependencies import AnyScopeMaker, FreshLoginMaker, make_user_dependency
from watchword.web.fastapi.errors import ErrorHandlers
from watchword.web.fastapi.middleware import RunningMiddleware
from watchword.web.fastapi.routers import make_router
from watchword.web.fastapi.schemes import BearerIdentity, BearerLock, OptionalBearerIdentity
from watchword.web.installation import Installation
from watchword.web.starlette.base import AsgiExtension
from watchword.web.users import LoadUser

__all__ = ["Watchword"]

_installations: weakref.WeakKeyDictionary[FastAPI, list[Installation]] = weakref.WeakKeyDictionary()


class Watchword(AsgiExtension):
    """The FastAPI extension: dependencies, endpoints and answers to errors.

    Write ``Watchword(app)``, or ``Watchword()`` and later :meth:`init_app`. Settings come from ``settings``,
    or else from the variables of the environment that begin with ``WATCHWORD_``. They are checked at once.
    The store is opened at the start of the application and closed at its end. Without a lifespan it is opened
    at the first token, or by :meth:`open`.

    An application may have several extensions. Each has its own endpoints, identities and guard. Their
    endpoints need different prefixes, and only the first extension publishes its keys.

    Args:
        app: the application.
        auth: an :class:`~watchword.Auth` that the application made. Or a :class:`~watchword.Verifier` or
            :class:`~watchword.MultiIssuer`, for an API that verifies another issuer's tokens: the extension
            then has dependencies, but no endpoints. By default an Auth made from the settings.
        also: verifiers of other kinds of tokens, which the guard accepts as well. They are meant for a
            migration, and know nothing of our sessions.
        settings: replaces the settings of the environment.
        endpoints: which endpoints are served, by name. ``{"login": False}`` makes our login a 404, so that
            clients cannot bypass a login of the application.
        load_user: returns the application's user for an identity, or ``None`` if the subject has no user. It
            may be a coroutine function. A plain function runs in a thread.
        auth_options: further arguments for that Auth, such as ``keys``, ``check_password``,
            ``subject_claims`` and ``listeners``.

    Attributes:
        identity: the dependency that returns the identity, for ``Depends`` and for
            ``Security(auth.identity, scopes=[...])``. Without a good token 401, with too few scopes 403.
        optional_identity: the dependency that returns ``None`` for a request without a token.
        fresh: ``auth.fresh(300)`` is the dependency that requires a login of the last 300 seconds.
        any_of: ``auth.any_of("a", "b")`` is the dependency that requires one of several scopes.
        user: the dependency that returns the application's user, and requires a login.
        router: the endpoints, for applications that include them by themselves.

    Raises:
        InvalidSettings: an argument has the wrong form, or as :meth:`init_app`.
        TypeError: an argument is not an argument of an Auth, or would be ignored beside the given Auth.
    """

    def __init__(
        self,
        app: FastAPI | None = None,
        auth: AuthOrVerifier | None = None,
        *,
        also: Iterable[AnyVerifier] = (),
        settings: Settings | None = None,
        endpoints: Mapping[str, bool] | None = None,
        load_user: LoadUser | None = None,
        **auth_options: Any,
    ) -> None:
        if app is not None:
            _check_app(app)
        super().__init__(
            auth,
            also=also,
            settings=settings,
            endpoints=endpoints,
            load_user=load_user,
            auth_options=auth_options,
        )
        installation, checks = self._installation, self._checks
        self._lock = BearerLock(installation.settings.prefix, _describe_token(installation))
        self.identity = BearerIdentity(self._lock, installation, checks)
        self.optional_identity = OptionalBearerIdentity(self._lock, installation, checks)
        self.fresh = FreshLoginMaker(self.identity, installation)
        self.any_of = AnyScopeMaker(self.identity, installation)
        self.user = make_user_dependency(self.identity, installation, checks)
        self.router: APIRouter = make_router(installation, installation.select_routes(()), self._lock)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: FastAPI) -> None:
        """Set up an application: its endpoints, JSON answers to our errors, and the life of the store.

        Raises:
            InvalidSettings: this is not an application, the extension is set up for it already, or another
                extension has the same prefix or would accept the same tokens.
        """
        _check_app(app)
        others = _installations.setdefault(app, [])
        installation = self._installation
        if installation in others:
            raise InvalidSettings(f"this extension is set up for the application {app.title!r} already")
        app.include_router(make_router(installation, installation.select_routes(others), self._lock))
        ErrorHandlers(installation).register(app)
        if not others:
            app.add_middleware(RunningMiddleware)
        others.append(installation)

    def protect(self, *_: object, **__: object) -> NoReturn:
        """Refuse, because FastAPI guards with dependencies.

        Raises:
            InvalidSettings: always.
        """
        raise InvalidSettings(
            "FastAPI guards with dependencies: write Annotated[Identity, Security(auth.identity)] as a "
            'parameter, or @app.get(..., dependencies=[Security(auth.identity, scopes=["reports:read"])])'
        )


def _describe_token(installation: Installation) -> str:
    """Tell people which token opens the lock in the OpenAPI document."""
    names = {route.endpoint for route in installation.select_routes(())}
    if "login" in names:
        return f"The access token of `POST {installation.settings.prefix}/login`."
    return "An access token."


def _check_app(app: object) -> None:
    """Raise unless this is an application of FastAPI.

    Raises:
        InvalidSettings: it is not.
    """
    if not isinstance(app, FastAPI):
        raise InvalidSettings(
            f"app must be the FastAPI application, not {describe(app)}: write Watchword(app), "
            "or Watchword(auth=...) for an Auth or a Verifier"
        )
