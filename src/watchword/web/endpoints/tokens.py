"""Log in, refresh and log out."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from watchword.auth import Auth
from watchword.errors import InvalidRequest, MissingToken
from watchword.sessions import Tokens
from watchword.web.credentials import find_bearer_token
from watchword.web.endpoints.bodies import Text, decode_body
from watchword.web.http import Request, Response
from watchword.web.proxies import ClientFinder
from watchword.web.responses import to_json_response

__all__ = ["TokenEndpoints"]


class _LoginBody(msgspec.Struct):
    username: Text
    password: Text


class _RefreshBody(msgspec.Struct):
    refresh_token: str


class _LogoutBody(msgspec.Struct):
    refresh_token: str | None = None


class TokenEndpoints:
    """The endpoints that issue tokens and end the sessions of tokens.

    Args:
        open_auth: returns the Auth.
        clients: finds the client of a request.
        token_header: the header that holds an access token.
    """

    def __init__(self, open_auth: Callable[[], Auth], clients: ClientFinder, token_header: str) -> None:
        self._open_auth = open_auth
        self._clients = clients
        self._token_header = token_header

    def log_in(self, request: Request) -> Response:
        """Exchange ``{"username", "password"}`` for a pair of tokens."""
        body = decode_body(request, _LoginBody)
        client = self._clients.find(request)
        return _to_response(self._open_auth().login(body.username, body.password, client))

    def refresh(self, request: Request) -> Response:
        """Exchange ``{"refresh_token"}`` for the next pair of tokens."""
        if not request.body and request.find_header("authorization"):
            raise InvalidRequest(
                "send the refresh token in the body, as application/json: "
                '{"refresh_token": "..."}. The Authorization header is for access tokens'
            )
        body = decode_body(request, _RefreshBody)
        return _to_response(self._open_auth().refresh(body.refresh_token, self._clients.find(request)))

    def log_out(self, request: Request) -> Response:
        """End the session of the bearer token, or of ``{"refresh_token"}``."""
        refresh_token = decode_body(request, _LogoutBody).refresh_token if request.body else None
        access_token = find_bearer_token(request, self._token_header)
        if access_token is None and refresh_token is None:
            raise MissingToken
        self._open_auth().logout(access_token, refresh_token, self._clients.find(request))
        return Response(204)

    def log_out_everywhere(self, request: Request) -> Response:
        """End all sessions of the subject of the bearer token."""
        access_token = find_bearer_token(request, self._token_header)
        if access_token is None:
            raise MissingToken
        self._open_auth().logout_all(access_token, self._clients.find(request))
        return Response(204)


def _to_response(tokens: Tokens) -> Response:
    return to_json_response(200, tokens.body())
