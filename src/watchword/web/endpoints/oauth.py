"""The token and the revocation endpoint for OAuth clients (RFC 6749, RFC 7009)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from watchword.auth import Auth
from watchword.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidSettings,
    InvalidToken,
    UnsupportedGrantType,
)
from watchword.scopes import check_scopes
from watchword.settings import Settings
from watchword.web.endpoints.bodies import decode_form
from watchword.web.http import Request, Response
from watchword.web.proxies import ClientFinder
from watchword.web.responses import to_json_response

__all__ = ["OAuthEndpoints"]


class OAuthEndpoints:
    """The endpoints for OAuth clients. They read no cookies.

    The only client is the application's own. It is public (RFC 6749 §2.1): it names itself and has no secret.

    Args:
        open_auth: returns the Auth.
        settings: the settings of the Auth. The settings ``client_id`` and ``token_header`` are used.
        clients: finds the client of a request.
    """

    def __init__(self, open_auth: Callable[[], Auth], settings: Settings, clients: ClientFinder) -> None:
        self._open_auth = open_auth
        self._client_id = settings.client_id
        # Otherwise the header is for the gateway that has made the setting necessary.
        self._is_authorization_ours = settings.token_header.lower() == "authorization"
        self._clients = clients

    def issue_tokens(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair of tokens (RFC 6749 §6).

        There is no other grant. The password grant is forbidden by RFC 9700 §2.4.
        """
        parameters = decode_form(request)
        self._check_client(request, parameters)
        _demand(parameters, "client_id")
        if _demand(parameters, "grant_type") != "refresh_token":
            raise UnsupportedGrantType
        refresh_token = _demand(parameters, "refresh_token")
        tokens = self._open_auth().refresh(
            refresh_token, self._clients.find(request), scopes=_read_scopes(parameters)
        )
        body = tokens.body()
        if not tokens.scopes:
            del body["scope"]  # RFC 6749 §3.3 has no empty scope, and strict clients refuse it.
        return to_json_response(200, body, [("Pragma", "no-cache")])  # RFC 6749 §5.1 demands both headers.

    def revoke_token(self, request: Request) -> Response:
        """End the session of an access token or a refresh token (RFC 7009 §2).

        A token that is not valid gets the same answer, because there is nothing to revoke (§2.2). The hint is
        not needed, because each kind of token tells what it is.

        Raises:
            StoreUnavailable: the store does not answer. The session may go on.
        """
        parameters = decode_form(request)
        self._check_client(request, parameters)
        token = _demand(parameters, "token")
        with suppress(InvalidToken, InvalidGrant):
            self._open_auth().logout(token, token, self._clients.find(request))
        return Response(200, b"", (("Cache-Control", "no-store"),))

    def _check_client(self, request: Request, parameters: Mapping[str, str]) -> None:
        """Raise if the request comes from another client, or from a client that sends a secret.

        A secret that is not checked would only seem to protect the tokens.

        Raises:
            InvalidClient: RFC 6749 §5.2.
        """
        if self._is_authorization_ours and _has_basic_credentials(request):
            raise InvalidClient(_NO_SECRET, has_basic=True)
        if "client_secret" in parameters or "client_assertion" in parameters:
            raise InvalidClient(_NO_SECRET)
        if parameters.get("client_id", self._client_id) != self._client_id:
            raise InvalidClient


_NO_SECRET = "the client is public and has no secret: send client_id in the body, and no credentials"  # noqa: S105 - a sentence


def _has_basic_credentials(request: Request) -> bool:
    return (request.find_header("authorization") or "").lower().startswith("basic ")


def _demand(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there."""
    value = parameters.get(name)
    if value is None:
        raise InvalidRequest(f"the parameter {name} is missing")
    return value


def _read_scopes(parameters: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the scopes that are asked for, or ``None`` if the client asks for all.

    Raises:
        InvalidScope: a scope is malformed.
    """
    if "scope" not in parameters:
        return None
    try:
        return check_scopes(parameters["scope"]) or None
    except InvalidSettings:
        raise InvalidScope from None
