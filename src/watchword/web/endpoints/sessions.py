"""Describe the caller and the caller's sessions, and end a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from watchword.auth import Auth
from watchword.errors import NotFound
from watchword.sessions import Identity
from watchword.stores.contract import Session
from watchword.web.endpoints.callers import find_caller
from watchword.web.guard import Guard
from watchword.web.http import Request, Response
from watchword.web.proxies import ClientFinder
from watchword.web.responses import to_json_response

__all__ = ["SessionEndpoints"]


class SessionEndpoints:
    """The endpoints for the subject of an access token of ours.

    Args:
        open_auth: returns the Auth.
        clients: finds the client of a request.
        token_header: the header that holds an access token.
    """

    def __init__(self, open_auth: Callable[[], Auth], clients: ClientFinder, token_header: str) -> None:
        self._open_auth = open_auth
        self._clients = clients
        self._guard = Guard(open_auth, token_header=token_header)

    def describe_caller(self, request: Request) -> Response:
        """Describe the subject of the bearer token."""
        caller = find_caller(self._guard, request)
        return to_json_response(
            200,
            {
                "subject": caller.subject,
                "username": caller.username,
                "session": caller.session_id,
                "scope": " ".join(caller.scopes),
                "authenticated_at": caller.authenticated_at,
                "expires_at": caller.claims["exp"],
            },
        )

    def list_sessions(self, request: Request) -> Response:
        """List the caller's live sessions."""
        caller = find_caller(self._guard, request)
        live = self._open_auth().sessions(caller.subject)
        return to_json_response(200, {"sessions": [_to_json(session, caller) for session in live]})

    def end_session(self, request: Request) -> Response:
        """End a session of the caller. A session of another subject is a 404."""
        caller = find_caller(self._guard, request)
        auth, session_id = self._open_auth(), request.path_parameters["session_id"]
        own = {caller.session_id, *(session.id for session in auth.sessions(caller.subject))}
        if session_id not in own:
            raise NotFound
        auth.end(session_id, self._clients.find(request))
        return Response(204)


def _to_json(session: Session, caller: Identity) -> dict[str, Any]:
    return {
        "id": session.id,
        "created_at": session.created_at,
        "last_used_at": session.refreshed_at or session.created_at,
        "user_agent": session.user_agent,
        "ip_address": session.ip_address,
        "current": session.id == caller.session_id,
    }
