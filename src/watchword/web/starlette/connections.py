"""Check a connection, and attach its identity and its user to the scope."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.types import Scope
from starlette.websockets import WebSocket

from watchword.errors import MissingToken
from watchword.sessions import Identity
from watchword.web.asgi import AsgiRequest
from watchword.web.guard import Requirements
from watchword.web.installation import Installation
from watchword.web.starlette.sockets import LiveSocket

__all__ = ["ConnectionChecks"]


class ConnectionChecks:
    """Finds the identities of connections for one extension, and keeps them in the scopes.

    Args:
        installation: what the extension has in the application.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        # Each extension has places of its own, so that no extension answers for another.
        self._identity_slot = f"watchword.identity.{id(self)}"
        self._user_slot = f"watchword.user.{id(self)}"
        self._socket_slot = f"watchword.socket.{id(self)}"

    async def check(self, scope: Scope, requirements: Requirements) -> Identity | None:
        """Return the identity of a connection, if the connection may pass.

        Raises:
            WatchwordError: as :meth:`watchword.web.guard.Guard.check`.
        """
        guard = self._installation.guard
        identity = self.find_identity(scope)
        if identity is None:
            identity = await guard.check_async(AsgiRequest(scope), requirements)
        else:  # The middleware, or another dependency, has verified the token.
            guard.check_identity(identity, requirements)
        if identity is None or scope.get("user") is not identity:
            self._attach(scope, identity)
        return identity

    async def identify(self, scope: Scope) -> Identity | None:
        """Return the identity of a connection. ``None`` without a good token, and while the store is away.

        Raises:
            WatchwordError: the application has made a mistake.
        """
        identity = await self._installation.guard.identify_async(AsgiRequest(scope))
        if identity is not None or "user" not in scope:
            self._attach(scope, identity)
        else:  # The middleware of another extension may have found an identity, which stays.
            scope[self._identity_slot] = None
        return identity

    def has_checked(self, scope: Scope) -> bool:
        """Return whether the middleware or a guard has looked for the identity of a connection."""
        return self._identity_slot in scope

    def find_identity(self, scope: Scope) -> Identity | None:
        """Return the identity that was found for a connection."""
        identity: Identity | None = scope.get(self._identity_slot)
        return identity

    async def load_user(self, scope: Scope, identity: Identity | None) -> Any:
        """Return the application's user of an identity. It is loaded once for each connection.

        Raises:
            MissingToken: there is no identity.
            InvalidToken: the subject has no user.
            InvalidSettings: the extension has no ``load_user``.
        """
        if identity is None:
            raise MissingToken
        owner, user = scope.get(self._user_slot, (None, None))
        if owner is not identity:
            user = await self._installation.users.load_async(identity)
            scope[self._user_slot] = identity, user
        return user

    def follow_session(self, websocket: WebSocket, identity: Identity | None) -> None:
        """Close a WebSocket when the session of its identity is over. Several calls count once.

        Args:
            websocket: what the endpoint has, or will get, as an argument.
            identity: the identity of the connection.
        """
        if identity is not None and self._socket_slot not in websocket.scope:
            websocket.scope[self._socket_slot] = True
            self.follow(LiveSocket.wrap(websocket), identity)

    def follow(self, socket: LiveSocket, identity: Identity | None) -> None:
        """Close a WebSocket when the session of its identity is over."""
        if identity is not None:
            socket.follow(partial(self._installation.live_sessions.wait_for_end, identity))

    def _attach(self, scope: Scope, identity: Identity | None) -> None:
        scope[self._identity_slot] = identity
        if identity is None:
            scope["user"], scope["auth"] = UnauthenticatedUser(), AuthCredentials()
        else:
            # By Starlette's convention everyone who is logged in has this scope: @requires("authenticated").
            scope["user"], scope["auth"] = identity, AuthCredentials([*identity.scopes, "authenticated"])
