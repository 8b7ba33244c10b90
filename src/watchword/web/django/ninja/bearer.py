"""Guard the operations of django-ninja by an access token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError, HttpError
from ninja.security.base import AuthBase

from watchword.durations import Duration
from watchword.errors import MissingToken, WatchwordError
from watchword.sessions import Identity
from watchword.web.django.default import auth
from watchword.web.django.extension import Watchword
from watchword.web.django.pending_headers import record_refusal
from watchword.web.django.request_users import attach_anonymous, attach_identity
from watchword.web.django.requests import InnerRequest
from watchword.web.django.running import share_identity
from watchword.web.guard import Requirements
from watchword.web.installation import Installation

__all__ = ["ANONYMOUS", "WatchwordBearer"]


class _Anonymous:
    """What ``request.auth`` is without an identity: ninja takes ``None`` for a refusal."""

    is_authenticated = False

    def __repr__(self) -> str:
        return "ANONYMOUS"


ANONYMOUS = _Anonymous()
"""What ``request.auth`` is where the identity is optional and the request has no token."""


class WatchwordBearer(AuthBase):
    """Lets a request pass with a good access token. ``request.auth`` is its identity.

    Works for synchronous and for ``async`` operations. On an event loop it does not block: it verifies there,
    and waits for the store in a thread. In a list of several auths, the next auth is asked about a request
    without a bearer token. A request with a bad token is refused at once, whatever follows. An operation for
    OPTIONS is guarded like any other. Without such an operation ninja answers a preflight before any auth.

    Args:
        scopes: the token must grant all of these. Otherwise 403.
        any_scopes: the token must grant at least one of these. Otherwise 403.
        fresh: how long ago the subject may have logged in at most, in seconds or as a timedelta. Otherwise
            401.
        optional: a request without a token passes, and ``request.auth`` is :data:`ANONYMOUS`. A request with
            a bad token does not. ``request.user`` is anonymous too, whatever Django's session says.
        extension: the extension whose tokens count. By default the extension of the project.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # noqa: N815 - ninja makes the member of the OpenAPI document from the name

    def __init__(
        self,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
        extension: Watchword = auth,
    ) -> None:
        super().__init__()
        # A missing token is no error yet, because another auth in the list may know the request.
        Requirements(optional=optional)
        self._is_optional = optional
        self._requirements = Requirements(scopes=scopes, any_scopes=any_scopes, fresh=fresh, optional=True)
        self._extension = extension
        self.is_async = True  # Then an async operation awaits what this returns on the event loop.

    def __call__(self, request: HttpRequest) -> Any:
        """Return the identity of a request, or ``None`` for a request without a token.

        On an event loop this returns a coroutine with that result. A synchronous operation never runs there.

        Raises:
            HttpError: the request is refused, with the status and the description of the error.
        """
        return self._check_async(request) if _is_on_event_loop() else self._check(request)

    def _check(self, request: HttpRequest) -> Any:
        installation = self._extension.installation
        try:
            identity = installation.guard.check(InnerRequest(request), self._requirements)
        except WatchwordError as error:
            raise _to_http_error(request, installation, error) from error
        return self._accept(request, installation, identity)

    async def _check_async(self, request: HttpRequest) -> Any:
        installation = self._extension.installation
        try:
            identity = await installation.guard.check_async(InnerRequest(request), self._requirements)
        except WatchwordError as error:
            raise _to_http_error(request, installation, error) from error
        return self._accept(request, installation, identity)

    def _accept(self, request: HttpRequest, installation: Installation, identity: Identity | None) -> Any:
        attach_identity(request, identity, installation.users)
        share_identity(identity)
        if identity is not None:
            return identity
        if self._is_optional:
            attach_anonymous(request)  # ninja checks no CSRF token here, so the session must not count.
            return ANONYMOUS
        record_refusal(request, installation, MissingToken())
        return None


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _to_http_error(request: HttpRequest, installation: Installation, error: WatchwordError) -> Exception:
    """Return ninja's error for ours. An error without a status is a mistake of the application."""
    if error.status is None:
        return error
    record_refusal(request, installation, error)
    if error.status == 401:
        return AuthenticationError(message=str(error))
    if error.status == 403:
        return AuthorizationError(message=str(error))
    return HttpError(error.status, str(error))
