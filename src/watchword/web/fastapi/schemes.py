"""The dependencies that find an identity, with the lock that OpenAPI shows for them."""

from __future__ import annotations

from typing import cast

from fastapi import HTTPException
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from watchword.errors import WatchwordError
from watchword.sessions import Identity
from watchword.web.current import set_identity
from watchword.web.fastapi.errors import refuse
from watchword.web.fastapi.handing_over import Dependency, refuse_bare_call
from watchword.web.fastapi.text_scopes import refuse_text_scopes
from watchword.web.guard import Requirements
from watchword.web.installation import Installation
from watchword.web.starlette.connections import ConnectionChecks
from watchword.web.starlette.running import set_running_scope

__all__ = ["BearerIdentity", "BearerLock", "OptionalBearerIdentity"]

_MOST_REQUIREMENTS = 1_000  # An application has fewer sets of scopes.


class BearerLock(SecurityBase):
    """Shows a lock in the OpenAPI document, and checks nothing.

    Args:
        prefix: the path of the extension's endpoints, which tells its lock from others.
        description: tells people which token opens the lock.
    """

    def __init__(self, prefix: str, description: str) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description=description)
        self.scheme_name = "Watchword" + "".join(part.title() for part in _list_parts(prefix))

    async def __call__(self) -> None:
        """Do nothing."""


class _IdentityScheme(Dependency, SecurityBase):
    """Finds the identity of a request or WebSocket.

    Args:
        lock: what OpenAPI shows.
        installation: what the extension has in the application.
        checks: finds the identities of connections.
    """

    is_optional = False

    def __init__(self, lock: BearerLock, installation: Installation, checks: ConnectionChecks) -> None:
        self.model = lock.model
        self.scheme_name = lock.scheme_name
        self._installation = installation
        self._checks = checks
        self._requirements: dict[tuple[str, ...], Requirements] = {}

    async def find(self, connection: HTTPConnection, scopes: list[str]) -> Identity | None:
        """Return the identity of a connection that may pass.

        Raises:
            RefusedOperation, WatchwordError: the connection may not pass.
        """
        scope = connection.scope
        if scope.get("method") == "OPTIONS":
            # The operation is not called, because it expects an identity and would be open to every client.
            methods = getattr(scope.get("route"), "methods", None) or ()
            raise HTTPException(200, "OK", headers={"Allow": ", ".join(sorted(methods))})
        key = tuple(scopes)
        requirements = self._requirements.get(key) or self._make_requirements(connection, key)
        try:
            identity = await self._checks.check(scope, requirements)
        except WatchwordError as error:
            refuse(self._installation, scope, error)
        set_running_scope(scope)
        set_identity(identity)
        if isinstance(connection, WebSocket):
            self._checks.follow_session(connection, identity)
        return identity

    def _make_requirements(self, connection: HTTPConnection, scopes: tuple[str, ...]) -> Requirements:
        refuse_text_scopes(connection.scope, scopes)
        requirements = Requirements(scopes=scopes, optional=self.is_optional)
        if len(self._requirements) < _MOST_REQUIREMENTS:
            self._requirements[scopes] = requirements
        return requirements


class BearerIdentity(_IdentityScheme):
    """Finds the identity of a request or WebSocket, and refuses a connection without a good token."""

    written = "auth.identity"

    @refuse_bare_call
    async def __call__(self, conn: HTTPConnection, scopes: SecurityScopes) -> Identity:
        """Return the identity of a connection that has all scopes of ``Security(..., scopes=[...])``."""
        return cast("Identity", await self.find(conn, scopes.scopes))


class OptionalBearerIdentity(_IdentityScheme):
    """Finds the identity of a request or WebSocket, which may have no token. A bad token is refused."""

    written = "auth.optional_identity"
    is_optional = True

    @refuse_bare_call
    async def __call__(self, conn: HTTPConnection, scopes: SecurityScopes) -> Identity | None:
        """Return the identity of a connection, or ``None`` without a token."""
        return await self.find(conn, scopes.scopes)


def _list_parts(prefix: str) -> list[str]:
    """Return the parts of a prefix that is not the default: ``["staff", "auth"]``."""
    return [] if prefix == "/auth" else [part for part in prefix.replace(".", "/").split("/") if part]
