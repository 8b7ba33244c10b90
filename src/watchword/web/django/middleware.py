"""The middleware that attaches the identity to each request."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from watchword.errors import WatchwordError
from watchword.web.current import reset_identity, set_identity
from watchword.web.django.configuration import read_entries
from watchword.web.django.default import auth
from watchword.web.django.pending_headers import add_pending_headers
from watchword.web.django.request_users import attach_identity
from watchword.web.django.responses import to_refusal
from watchword.web.django.running import reset_request, set_request
from watchword.web.installation import warn_of_default_issuer

__all__ = ["IdentityMiddleware"]


class IdentityMiddleware:
    """Sets ``request.identity`` to the :class:`~watchword.Identity` of the request, or to ``None``.

    With an identity, ``request.user`` and ``request.auser`` are its user, loaded when a view asks. So the
    middleware stands below Django's ``AuthenticationMiddleware``, which sets the user of its session.

    No request is refused here. A view that is not guarded answers a request with a bad token like a request
    without a token. The middleware does not use Django's database, and works under WSGI and under ASGI
    without a further thread. It answers an error of Watchword that a view raises, if the error has a status.

    Args:
        get_response: the next middleware or the view.

    Raises:
        InvalidSettings: the settings are not usable. So a server does not start with them.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        installation = auth.installation  # It is made now, and opened at the first token.
        if installation.opens_database:
            warn_of_default_issuer(installation.settings, read_entries(), os.environ)

    def __call__(self, request: HttpRequest) -> Any:
        """Attach the identity, and return the response of the next middleware or of the view."""
        if self._is_async:
            return self._answer_async(request)
        identity = auth.identify(request)
        attach_identity(request, identity, auth.installation.users, is_guarded=False)
        token, running = set_identity(identity), set_request(request)
        try:
            response = self._get_response(request)
            add_pending_headers(request, response)
            return response
        finally:
            reset_identity(token)
            reset_request(running)

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        identity = await auth.identify_async(request)
        attach_identity(request, identity, auth.installation.users, is_guarded=False)
        token, running = set_identity(identity), set_request(request)
        try:
            response = await self._get_response(request)
            add_pending_headers(request, response)
            return response
        finally:
            reset_identity(token)
            reset_request(running)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:  # noqa: ARG002 -- Django's signature
        """Answer an error of Watchword that a view raised. Any other exception stays Django's."""
        if not isinstance(exception, WatchwordError) or exception.status is None:
            return None
        return to_refusal(auth.installation, exception)
