"""Answer gateways that ask whether a request may pass: nginx, Caddy, Traefik and others."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from watchword.auth import Auth
from watchword.errors import InvalidRequest, InvalidSettings, InvalidToken, MalformedCredentials
from watchword.web.endpoints.callers import find_caller
from watchword.web.guard import Guard, Requirements
from watchword.web.http import Request, Response

__all__ = ["GatewayEndpoints"]

# Subjects and usernames of other systems have these characters: auth0|7, alice@example.com, system:node. They
# cannot end the value of a header or a member of a list.
_UNQUOTED = "@:/|="


class GatewayEndpoints:
    """The endpoint for gateways in front of services that verify no tokens themselves.

    Args:
        open_auth: returns the Auth.
        token_header: the header that holds an access token.
    """

    def __init__(self, open_auth: Callable[[], Auth], token_header: str) -> None:
        self._guard = Guard(open_auth, token_header=token_header)

    def check_request(self, request: Request) -> Response:
        """Tell a gateway by the status whether a request may pass, and by headers about the caller.

        All headers are always there. A gateway that copies them so replaces what a client has sent by these
        names. Text is percent-encoded as UTF-8, because a subject or username may contain anything.

        Raises:
            WatchwordError: the request must not pass.
        """
        requirements = _read_requirements(request)
        try:
            caller = find_caller(self._guard, request, requirements)
        except MalformedCredentials as error:
            # nginx passes on 401 and 403, and answers 500 for every other status.
            raise InvalidToken(str(error)) from None
        headers = (
            ("X-Auth-Subject", quote(caller.subject, _UNQUOTED)),
            ("X-Auth-Username", quote(caller.username, _UNQUOTED)),
            ("X-Auth-Scopes", " ".join(caller.scopes)),
            ("X-Auth-Session", caller.session_id or ""),
            ("Cache-Control", "no-store"),
        )
        return Response(204, b"", headers)


def _read_requirements(request: Request) -> Requirements:
    """Return what the gateway's configuration requires, in query parameters ``scope``.

    Raises:
        InvalidRequest: a scope does not have the form of a scope. That is a mistake in the configuration.
    """
    scopes = [scope for text in request.query.get("scope", ()) for scope in text.split(" ") if scope]
    try:
        return Requirements(scopes=scopes)
    except InvalidSettings:
        raise InvalidRequest(
            "the query parameter scope must be scopes with spaces between them, such as ?scope=reports:read"
        ) from None
