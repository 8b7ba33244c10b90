"""Watchword for Flask: ``auth = Watchword(app)``, then ``@auth.protect()`` and ``auth.identity``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import msgspec

from watchword.auth import Auth
from watchword.errors import (
    BodyTooLarge,
    InsufficientScope,
    MissingExtra,
    MissingToken,
    StaleAuthentication,
    WatchwordError,
)
from watchword.identity import Identity
from watchword.jwt.providers import MultiIssuer
from watchword.jwt.verifier import Verifier
from watchword.settings import Settings
from watchword.web.credentials import bearer_token
from watchword.web.endpoints import Endpoints, Request, Response, Route, error_response

try:
    import flask
    from werkzeug.exceptions import RequestEntityTooLarge
except ImportError as error:
    raise MissingExtra.named("flask") from error

__all__ = ["Watchword"]

P = ParamSpec("P")
R = TypeVar("R")

_Desk: TypeAlias = Auth | Verifier[dict[str, Any]] | MultiIssuer[dict[str, Any]]

_EXTENSION = "watchword"
_IDENTITY = "_watchword_identity"


class Watchword:
    """The Flask extension: guard, identity and endpoints.

    ``Watchword(app)``, or ``Watchword()`` and later :meth:`init_app`. The settings are the entries of
    ``app.config`` that begin with ``WATCHWORD_``.

    Args:
        app: the application.
        auth: an :class:`~watchword.Auth` made elsewhere; or a bare :class:`~watchword.Verifier` or
            :class:`~watchword.MultiIssuer` for an API that verifies somebody else's tokens, which then has
            guard and identity but no endpoints. By default an Auth made from the app's settings.
        auth_options: for that Auth, besides its settings: ``keys``, ``check_password``, ``subject_claims``,
            ``listeners``.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        auth: _Desk | None = None,
        **auth_options: Any,
    ) -> None:
        if auth is not None and auth_options:
            raise TypeError(f"for the Auth itself, not beside it: {', '.join(auth_options)}")
        self._given = auth
        self._auth_options = auth_options
        self._guards: list[_Guard] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Set an application up: its guard, its endpoints, and JSON answers to our errors.

        Raises:
            InvalidSettings: a ``WATCHWORD_`` entry of ``app.config`` is not usable.
            StoreUnavailable: the store cannot be opened.
        """
        settings = Settings.from_mapping(app.config)
        desk = self._given or Auth(settings=settings, **self._auth_options)
        guard = app.extensions[_EXTENSION] = _guard(desk, settings)
        self._guards.append(guard)
        app.register_error_handler(WatchwordError, _answer_error)
        if isinstance(desk, Auth):
            app.register_blueprint(_blueprint(Endpoints(desk).routes, desk.settings.max_body))

    @property
    def desk(self) -> Auth:
        """The current application's front desk.

        Raises:
            TypeError: it was given a bare Verifier.
        """
        desk = flask.current_app.extensions[_EXTENSION].desk
        if not isinstance(desk, Auth):
            raise TypeError("a bare Verifier has no front desk")
        return desk

    @property
    def identity(self) -> Identity:
        """Who makes this request.

        Raises:
            MissingToken: nobody who is known: the view is not protected, or only optionally.
        """
        identity = _identity()
        if identity is None:
            raise MissingToken
        return identity

    @property
    def is_authenticated(self) -> bool:
        """Whether this request has an :attr:`identity`; the question of a view with ``optional=True``."""
        return _identity() is not None

    def protect(
        self,
        *,
        scopes: Iterable[str] = (),
        fresh: timedelta | None = None,
        optional: bool = False,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorates a view: it is called only with a good token (put ``@app.route`` above this).

        Args:
            scopes: what the token has to grant, all of it; otherwise 403.
            fresh: how long ago the subject may have logged in at most; otherwise 401.
            optional: a request without a token is let through, without an identity. A bad token is not.
        """
        needed = frozenset([scopes] if isinstance(scopes, str) else scopes)

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            if inspect.iscoroutinefunction(view):

                @wraps(view)
                async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                    _let_through(self._guard(), needed, fresh, optional)
                    return await view(*args, **kwargs)

                return guarded_async  # type: ignore[return-value] # R is the coroutine

            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                _let_through(self._guard(), needed, fresh, optional)
                return view(*args, **kwargs)

            return guarded

        return decorate

    def _guard(self) -> _Guard:
        """The current application's; where there is only one, Flask's slow proxy is not asked which."""
        if len(self._guards) == 1:
            return self._guards[0]
        guard: _Guard = flask.current_app.extensions[_EXTENSION]
        return guard


class _Guard(msgspec.Struct, frozen=True):
    """What the views of one application need."""

    desk: _Desk
    authenticate: Callable[[str], Identity]
    now: Callable[[], float]


def _guard(desk: _Desk, settings: Settings) -> _Guard:
    if isinstance(desk, Auth):
        return _Guard(desk, desk.authenticate, desk.now)

    def authenticate(token: str) -> Identity:
        return Identity.from_claims(desk.verify(token), scope_claim=settings.scope_claim)

    return _Guard(desk, authenticate, desk.clock)


def _let_through(guard: _Guard, needed: frozenset[str], fresh: timedelta | None, optional: bool) -> None:
    """Put the request's identity in its place, or raise what the request lacks."""
    request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
    try:
        token = bearer_token(request.environ.get("HTTP_AUTHORIZATION"))
    except MissingToken:
        if optional:
            return
        raise
    identity = guard.authenticate(token)
    if not needed.issubset(identity.scopes):
        raise InsufficientScope(scopes=tuple(sorted(needed)))
    if fresh is not None and not _is_fresh(identity, guard.now(), fresh):
        raise StaleAuthentication(max_age=int(fresh.total_seconds()))
    setattr(request, _IDENTITY, identity)


def _identity() -> Identity | None:
    """The identity that the guard put on the request, and that goes with it."""
    request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
    return getattr(request, _IDENTITY, None)


def _is_fresh(identity: Identity, now: float, fresh: timedelta) -> bool:
    return identity.authenticated_at is not None and now - identity.authenticated_at <= fresh.total_seconds()


def _blueprint(routes: Iterable[Route], max_body: int) -> flask.Blueprint:
    blueprint = flask.Blueprint(_EXTENSION, __name__)
    for route in routes:
        blueprint.add_url_rule(
            route.path, route.handler.__name__, _view(route.handler, max_body), methods=[route.method]
        )
    return blueprint


def _view(handler: Callable[[Request], Response], max_body: int) -> Callable[..., flask.Response]:
    def view(session_id: str = "") -> flask.Response:
        return _answer(handler(_incoming(max_body, session_id)))

    return view


def _incoming(max_body: int, session_id: str) -> Request:
    """Flask's request as ours."""
    request = flask.request
    request.max_content_length = max_body + 1  # a chunked body is cut off there without an error
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise BodyTooLarge from None
    if len(body) > max_body:
        raise BodyTooLarge
    return Request(
        body=body,
        content_type=request.content_type,
        authorization=request.environ.get("HTTP_AUTHORIZATION"),
        user_agent=request.environ.get("HTTP_USER_AGENT"),
        peer=request.remote_addr,
        forwarded_for=request.environ.get("HTTP_X_FORWARDED_FOR"),
        if_none_match=request.environ.get("HTTP_IF_NONE_MATCH"),
        session_id=session_id,
    )


def _answer(response: Response) -> flask.Response:
    """Our response as Flask's."""
    answer = flask.Response(response.body, response.status, dict(response.headers))
    if not response.body:
        del answer.headers["Content-Type"]  # Flask's own guess, about nothing
    return answer


def _answer_error(error: WatchwordError) -> flask.Response:
    return _answer(error_response(error))
