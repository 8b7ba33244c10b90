"""Authenticate requests of Django REST framework by their access token."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request as ApiRequest

from watchword.errors import InvalidToken, MissingToken, WatchwordError
from watchword.sessions import Identity
from watchword.web.django.default import auth
from watchword.web.django.extension import Watchword
from watchword.web.django.pending_headers import find_pending_header, record_refusal
from watchword.web.django.request_users import attach_identity, load_user
from watchword.web.django.requests import InnerRequest
from watchword.web.django.rest_framework.identity_user import IdentityUser
from watchword.web.django.rest_framework.refusals import refuse
from watchword.web.django.running import share_identity
from watchword.web.guard import Requirements
from watchword.web.installation import Installation

__all__ = ["WatchwordAuthentication"]

_OPTIONAL = Requirements(optional=True)


class WatchwordAuthentication(BaseAuthentication):
    """Finds the identity of a request. ``request.auth`` is the identity, ``request.user`` its user.

    A request without a token stays anonymous. A request with a bad token is refused on every view, also on an
    open view, as Django REST framework does it. The class must be the first in ``authentication_classes``:
    the first class writes the challenge of a 401.

    ``request.user`` is loaded when a view, a permission or a throttle asks for it. It is the result of
    ``LOAD_USER`` or Django's user. An identity of a project without both has an
    :class:`~watchword.web.django.rest_framework.identity_user.IdentityUser`.

    Attributes:
        extension: the extension whose tokens count. A subclass may name another extension.
    """

    extension: Watchword = auth

    def authenticate(self, request: ApiRequest) -> tuple[Any, Identity] | None:
        """Return the user and the identity of a request, or ``None`` for a request without a token.

        Raises:
            AuthenticationFailed: the token is not acceptable. The answer is a 401 with the challenge.
            APIException: the store or the keys are not available (503), or the header is malformed (400).
        """
        inner, installation = request._request, self.extension.installation  # noqa: SLF001 - as in DRF's own classes
        try:
            identity = installation.guard.check(InnerRequest(inner), _OPTIONAL)
        except WatchwordError as error:
            raise refuse(inner, installation, error) from error
        if identity is None:
            return None
        attach_identity(inner, identity, installation.users)
        share_identity(identity)
        return SimpleLazyObject(partial(_load_user, request, identity, installation)), identity

    def authenticate_header(self, request: ApiRequest) -> str:
        """Return the challenge for a 401 (RFC 6750 §3): why the token was refused, or that it is missing."""
        inner = request._request  # noqa: SLF001 - as above
        challenge = find_pending_header(inner, "WWW-Authenticate")
        if challenge is None:
            record_refusal(inner, self.extension.installation, MissingToken())
            challenge = find_pending_header(inner, "WWW-Authenticate")
        return challenge or "Bearer"


def _load_user(request: ApiRequest, identity: Identity, installation: Installation) -> Any:
    """Return the user of an identity, or refuse the request.

    Raises:
        AuthenticationFailed: the subject has no active user.
    """
    if not installation.users.has_function:
        return IdentityUser(identity)
    inner = request._request  # noqa: SLF001 - as above
    try:
        user = load_user(inner, identity, installation.users)
        if getattr(user, "is_anonymous", False):
            raise InvalidToken("the subject of the token has no active user here")
    except WatchwordError as error:
        refusal = refuse(inner, installation, error)
        request._not_authenticated()  # noqa: SLF001 - the page of the refusal asks for the user again
        if _is_answered(request):
            return request.user
        raise refusal from error
    return user


def _is_answered(request: ApiRequest) -> bool:
    """Return whether the view has answered, and only a page of the browsable API asks for the user."""
    return hasattr(request.parser_context.get("view"), "response")
