"""Permissions by token: ``permission_classes = [HasScopes("reports:read")]``."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request as ApiRequest

from watchword.durations import Duration
from watchword.errors import InsufficientScope, InvalidSettings, WatchwordError
from watchword.sessions import Identity
from watchword.web.django.pending_headers import record_refusal
from watchword.web.django.rest_framework.authentication import WatchwordAuthentication
from watchword.web.django.rest_framework.refusals import refuse
from watchword.web.guard import Requirements

__all__ = ["HasAnyScope", "HasFreshLogin", "HasIdentity", "HasScopes"]


class HasIdentity(BasePermission):
    """The request needs a good access token. Unlike ``IsAuthenticated`` this loads no user.

    OPTIONS passes without a token, because the preflights of browsers have none. The permissions compose with
    ``&``, ``|`` and ``~``.

    Attributes:
        requirements: what is required of the identity. ``None`` for a class that needs arguments.
        example: how such a class is written, for the error.
        message: what a refusal says, in place of our text.
    """

    requirements: ClassVar[Requirements | None] = Requirements()
    example: ClassVar[str] = ""
    message: str | None = None

    def has_permission(self, request: ApiRequest, view: Any) -> bool:  # noqa: ARG002 - the framework's signature
        """Return whether the identity in ``request.auth`` is enough.

        Raises:
            AuthenticationFailed: the login is too long ago, or the token is bound to a key.
        """
        requirements = self._find_requirements()
        if request.method == "OPTIONS":
            return True
        if not isinstance(request.auth, Identity):
            return False
        inner = request._request  # noqa: SLF001 - the request that the middleware sees
        installation = _find_authentication(request).extension.installation
        try:
            requirements.check(request.auth, installation.guard.now)
        except InsufficientScope as error:
            record_refusal(inner, installation, error)
            # The view raises them in a PermissionDenied. A subclass may have a message of its own.
            self.message, self.code = self.message or str(error), error.code
            return False
        except WatchwordError as error:
            raise refuse(inner, installation, error) from error
        return True

    def _find_requirements(self) -> Requirements:
        if self.requirements is None:
            name = type(self).__name__
            raise InvalidSettings(f"{name} needs arguments in permission_classes, such as {self.example}")
        return self.requirements


class HasScopes(HasIdentity):
    """The token must grant all of these scopes: ``HasScopes("reports:read", "reports:write")``."""

    requirements = None
    example = 'HasScopes("reports:read")'

    def __new__(cls, *scopes: str) -> Any:
        """Return a class for these scopes. The framework makes its instances, without arguments."""
        return _specialize(cls, Requirements(scopes=scopes)) if scopes else super().__new__(cls)


class HasAnyScope(HasIdentity):
    """The token must grant at least one of these scopes: ``HasAnyScope("reports:read", "admin")``."""

    requirements = None
    example = 'HasAnyScope("reports:read", "admin")'

    def __new__(cls, *scopes: str) -> Any:
        """Return a class for these scopes."""
        return _specialize(cls, Requirements(any_scopes=scopes)) if scopes else super().__new__(cls)


class HasFreshLogin(HasIdentity):
    """The subject must have logged in within this time: ``HasFreshLogin(300)``. Otherwise the answer is 401.

    It refuses by an exception, so in a composition with ``|`` it comes last.
    """

    requirements = None
    example = "HasFreshLogin(300)"

    def __new__(cls, max_age: Duration | None = None) -> Any:
        """Return a class for this time, in seconds or as a timedelta."""
        return super().__new__(cls) if max_age is None else _specialize(cls, Requirements(fresh=max_age))


def _specialize(permission: type[HasIdentity], requirements: Requirements) -> type[HasIdentity]:
    return type(permission.__name__, (permission,), {"requirements": requirements, "__module__": __name__})


def _find_authentication(request: ApiRequest) -> WatchwordAuthentication | type[WatchwordAuthentication]:
    """Return what has authenticated the request. In tests that may be ``force_authenticate``."""
    successful = request.successful_authenticator
    return successful if isinstance(successful, WatchwordAuthentication) else WatchwordAuthentication
