"""The dependencies that demand more than an identity: a fresh login, any of several scopes, a user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import Signature
from typing import Any, NoReturn

from fastapi import Security
from starlette.requests import HTTPConnection

from watchword.durations import Duration, to_seconds
from watchword.errors import InvalidSettings, WatchwordError
from watchword.scopes import check_scopes
from watchword.sessions import Identity
from watchword.web.fastapi.errors import refuse
from watchword.web.fastapi.handing_over import Dependency, FunctionDependency
from watchword.web.fastapi.schemes import BearerIdentity
from watchword.web.guard import Requirements
from watchword.web.installation import Installation
from watchword.web.starlette.connections import ConnectionChecks

__all__ = ["AnyScopeMaker", "FreshLoginMaker", "make_user_dependency"]

IdentityDependency = Callable[..., Awaitable[Identity]]


class _DependencyMaker(Dependency):
    """Makes a dependency of requirements. Equal requirements give the same object, which can be overridden.

    Args:
        identity: the dependency that finds the identity.
        installation: what the extension has in the application.
    """

    def __init__(self, identity: BearerIdentity, installation: Installation) -> None:
        self._identity = identity
        self._installation = installation
        self._made: dict[object, IdentityDependency] = {}

    @property
    def __signature__(self) -> Signature:
        """Refuse to be a dependency. FastAPI would fill the arguments from the query of each request.

        Raises:
            InvalidSettings: always.
        """
        self.refuse()

    def refuse(self) -> NoReturn:
        """Raise an error that says to call it first.

        Raises:
            InvalidSettings: always.
        """
        raise InvalidSettings(f"call it first: Depends({self.written}). Without the call nothing is guarded")

    def _obtain(self, key: object, requirements: Requirements) -> IdentityDependency:
        if key not in self._made:
            self._made[key] = self._make(requirements)
        return self._made[key]

    def _make(self, requirements: Requirements) -> IdentityDependency:
        installation, found = self._installation, Security(self._identity)

        async def check_identity(conn: HTTPConnection, identity: Identity = found) -> Identity:
            try:
                installation.guard.check_identity(identity, requirements)
            except WatchwordError as error:
                refuse(installation, conn.scope, error)
            return identity

        return FunctionDependency(check_identity, self.written)


class FreshLoginMaker(_DependencyMaker):
    """Makes dependencies that require a login of the last seconds."""

    written = "auth.fresh(300)"

    def __call__(self, max_age: Duration) -> IdentityDependency:
        """Return a dependency that requires a recent login and returns the identity.

        Args:
            max_age: how long ago the subject may have logged in at most, in seconds or as a timedelta.

        Raises:
            InvalidSettings: this is not a duration.
        """
        return self._obtain(to_seconds("fresh", max_age), Requirements(fresh=max_age))


class AnyScopeMaker(_DependencyMaker):
    """Makes dependencies that require any of several scopes."""

    written = 'auth.any_of("a", "b")'

    def __call__(self, *scopes: str) -> IdentityDependency:
        """Return a dependency that requires at least one of the scopes and returns the identity.

        Raises:
            InvalidSettings: these are not scopes.
        """
        checked = check_scopes(scopes, "any_of")
        if not checked:
            raise InvalidSettings(f"any_of needs at least one scope: {self.written}")
        return self._obtain(frozenset(checked), Requirements(any_scopes=checked))


def make_user_dependency(
    identity: BearerIdentity, installation: Installation, checks: ConnectionChecks
) -> Callable[..., Awaitable[Any]]:
    """Return the dependency that returns the application's user, and requires a login.

    Args:
        identity: the dependency that finds the identity.
        installation: what the extension has in the application.
        checks: keeps the user with the connection.
    """
    found = Security(identity)

    async def load_user(conn: HTTPConnection, identity: Identity = found) -> Any:
        try:
            return await checks.load_user(conn.scope, identity)
        except WatchwordError as error:
            refuse(installation, conn.scope, error)

    return FunctionDependency(load_user, "auth.user")
