"""Watchword for Starlette: ``auth.routes``, ``auth.middleware`` and ``@auth.protect``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from watchword.durations import Duration
from watchword.errors import InvalidSettings
from watchword.settings import Settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier
from watchword.web.guard import Requirements
from watchword.web.starlette.base import AsgiExtension
from watchword.web.starlette.endpoints import make_routes
from watchword.web.starlette.middleware import UserMiddleware
from watchword.web.starlette.protection import Protection
from watchword.web.users import LoadUser

__all__ = ["Watchword"]

E = TypeVar("E", bound=Callable[..., Any])


class Watchword(AsgiExtension):
    """The Starlette extension: routes, middleware and a guard.

    Write ``Starlette(routes=[*auth.routes, ...], middleware=[auth.middleware])``. Settings come from
    ``settings``, or else from the variables of the environment that begin with ``WATCHWORD_``. They are
    checked at once. With the middleware the store is opened at the start of the application, otherwise at the
    first token or by :meth:`open`.

    An application may have several extensions. Each has its own endpoints, identities and guard. Their
    endpoints need different prefixes, and only the first extension publishes its keys.

    Args:
        auth: an :class:`~watchword.Auth` that the application made. Or a :class:`~watchword.Verifier` or
            :class:`~watchword.MultiIssuer`, for an API that verifies another issuer's tokens: the extension
            then has a guard and identities, but no endpoints. By default an Auth made from the settings.
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
        routes: the endpoints, as routes of Starlette.
        middleware: sets ``request.user`` and ``request.auth``, and opens and closes the store.

    Raises:
        InvalidSettings: an argument has the wrong form, or a setting is not usable.
        TypeError: an argument is not an argument of an Auth, or would be ignored beside the given Auth.
    """

    def __init__(
        self,
        auth: AuthOrVerifier | None = None,
        *,
        also: Iterable[AnyVerifier] = (),
        settings: Settings | None = None,
        endpoints: Mapping[str, bool] | None = None,
        load_user: LoadUser | None = None,
        **auth_options: Any,
    ) -> None:
        if isinstance(auth, Starlette):
            raise InvalidSettings(
                "auth must be an Auth, a Verifier or a MultiIssuer, not an application. Make the extension "
                "first: app = Starlette(routes=[*auth.routes, ...], middleware=[auth.middleware])"
            )
        super().__init__(
            auth,
            also=also,
            settings=settings,
            endpoints=endpoints,
            load_user=load_user,
            auth_options=auth_options,
        )
        self.routes: list[BaseRoute] = make_routes(self._installation)
        self.middleware = Middleware(UserMiddleware, self._installation, self._checks)

    async def user(self, request: HTTPConnection) -> Any:
        """Return the application's user of a request, which ``load_user`` loads once.

        Args:
            request: the request or WebSocket, of a guarded endpoint or behind the middleware.

        Raises:
            MissingToken: the request has no identity.
            InvalidToken: the subject has no user.
            InvalidSettings: the extension has no ``load_user``, or has not looked for the identity.
        """
        scope = request.scope
        if not self._checks.has_checked(scope):
            raise InvalidSettings(
                "auth.user() needs an endpoint behind @auth.protect, or middleware=[auth.middleware]"
            )
        return await self._checks.load_user(scope, self._checks.find_identity(scope))

    @overload
    def protect(self, endpoint: E, /) -> E: ...

    @overload
    def protect(
        self,
        endpoint: None = None,
        /,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Callable[[E], E]: ...

    def protect(
        self,
        endpoint: Callable[..., Any] | None = None,
        /,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Callable[..., Any]:
        """Guard an endpoint. It is called only with a good token.

        An endpoint is a function of a request or of a WebSocket, a class of Starlette's endpoints, or an ASGI
        application below a ``Mount``. Any other request gets the documented JSON, or the answer of the
        application's own exception handler. A WebSocket is refused before it is accepted. It is closed with
        the code 4401 when its session ends. An OPTIONS request needs no token: the guard answers it, and the
        endpoint is not called.

        Args:
            endpoint: the endpoint, if there are no parentheses.
            scopes: the token must grant all of these. Otherwise 403.
            any_scopes: the token must grant at least one of these. Otherwise 403.
            fresh: how long ago the subject may have logged in at most, in seconds or as a timedelta.
                Otherwise 401.
            optional: a request without a token passes, without an identity. A request with a bad token does
                not.

        Raises:
            InvalidSettings: an argument has the wrong form, or this is not an endpoint.
        """
        requirements = Requirements(scopes=scopes, any_scopes=any_scopes, fresh=fresh, optional=optional)
        protection = Protection(self._installation, self._checks, requirements)
        return protection.guard if endpoint is None else protection.guard(endpoint)
