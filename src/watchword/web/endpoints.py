"""The HTTP API without a framework: a request comes in, a response goes out.

A framework's file turns its own request into a :class:`Request`, hands it to the handler that
:attr:`Endpoints.routes` names, and turns the :class:`Response` into its own.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from watchword.arguments import describe
from watchword.auth import Auth
from watchword.errors import (
    InvalidRequest,
    InvalidSettings,
    InvalidToken,
    MalformedToken,
    MissingToken,
    NotFound,
    Throttled,
    Unavailable,
    UnsupportedMediaType,
    WatchwordError,
)
from watchword.jose.strict_json import decode_object
from watchword.sessions import Client, Tokens
from watchword.sessions.access_tokens import Identity
from watchword.settings import Settings
from watchword.stores.contract import Session
from watchword.web.credentials import bearer_token, challenge, explain, public_code
from watchword.web.guard import check_identity
from watchword.web.proxies import ClientAddresses

__all__ = ["Endpoints", "Request", "Response", "Route", "error_response"]

T = TypeVar("T")

# RFC 9110 §8.8.3
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoints look at in a request.

    Attributes:
        body: the bytes, read within ``max_body``.
        content_type: of the body.
        authorization: the header's value.
        user_agent: the header's value.
        peer: the address at the other end of the connection.
        forwarded_for: the ``X-Forwarded-For`` header's value.
        if_none_match: the header's value.
        session_id: what stands in the path for ``<session_id>``.
    """

    body: bytes = b""
    content_type: str | None = None
    authorization: str | None = None
    user_agent: str | None = None
    peer: str | None = None
    forwarded_for: str | None = None
    if_none_match: str | None = None
    session_id: str = ""


class Response(msgspec.Struct, frozen=True):
    """What goes out.

    Attributes:
        status: the HTTP status.
        body: JSON, or nothing.
        headers: besides length.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Route(NamedTuple):
    """One endpoint: its name, the method, the path (``<session_id>`` stands for a segment), the handler."""

    name: str
    method: str
    path: str
    handler: Callable[[Request], Response]


# No name contains NUL, and some databases behind ``check_password`` fail on it.
_Text: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]


class _Login(msgspec.Struct):
    username: _Text
    password: _Text


class _Refresh(msgspec.Struct):
    refresh_token: str


class _Logout(msgspec.Struct):
    refresh_token: str | None = None


class Endpoints:
    """The endpoints of one :class:`~watchword.auth.Auth`.

    Args:
        auth: returns the front desk. It is not called before the first request, so the store may open late.
        settings: those of the front desk.
        switches: names of endpoints, and whether they are served; those that are not named are.

    Attributes:
        routes: the endpoints that are served.

    Raises:
        InvalidSettings: a name is not one of an endpoint.
    """

    def __init__(
        self, auth: Callable[[], Auth], settings: Settings, switches: Mapping[str, bool] | None = None
    ) -> None:
        self._auth = auth
        self._addresses = ClientAddresses(settings.trusted_proxies)
        prefix = settings.prefix
        routes = (
            Route("login", "POST", f"{prefix}/login", self.login),
            Route("refresh", "POST", f"{prefix}/refresh", self.refresh),
            Route("logout", "POST", f"{prefix}/logout", self.logout),
            Route("logout_all", "POST", f"{prefix}/logout-all", self.logout_all),
            Route("me", "GET", f"{prefix}/me", self.me),
            Route("sessions", "GET", f"{prefix}/sessions", self.sessions),
            Route("end_session", "DELETE", f"{prefix}/sessions/<session_id>", self.end_session),
            Route("jwks", "GET", "/.well-known/jwks.json", self.jwks),
        )
        switches = {} if switches is None else switches
        _check_switches(switches, [route.name for route in routes])
        self.routes = tuple(route for route in routes if switches.get(route.name, True))

    def login(self, request: Request) -> Response:
        """``{"username", "password"}`` for a pair of tokens."""
        body = _decoded(request, _Login)
        return _issued(self._auth().login(body.username, body.password, self.client(request)))

    def refresh(self, request: Request) -> Response:
        """``{"refresh_token"}`` for the next pair of tokens."""
        if not request.body and request.authorization:
            raise InvalidRequest(
                "send the refresh token in the body, as application/json: "
                '{"refresh_token": "..."}. The Authorization header is for access tokens'
            )
        body = _decoded(request, _Refresh)
        return _issued(self._auth().refresh(body.refresh_token, self.client(request)))

    def logout(self, request: Request) -> Response:
        """End the session of the bearer token, or of ``{"refresh_token"}``."""
        refresh_token = _decoded(request, _Logout).refresh_token if request.body else None
        try:
            access_token = bearer_token(request.authorization)
        except MissingToken:
            if refresh_token is None:
                raise
            access_token = None
        self._auth().logout(access_token, refresh_token, self.client(request))
        return Response(204)

    def logout_all(self, request: Request) -> Response:
        """End every session of the caller."""
        self._auth().logout_all(bearer_token(request.authorization), self.client(request))
        return Response(204)

    def me(self, request: Request) -> Response:
        """Describe the caller."""
        caller = self._caller(request)
        return _json(
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

    def sessions(self, request: Request) -> Response:
        """The caller's live sessions."""
        caller = self._caller(request)
        live = self._auth().sessions(caller.subject)
        return _json(200, {"sessions": [_shown(session, caller) for session in live]})

    def end_session(self, request: Request) -> Response:
        """End one of the caller's own sessions. A session of another subject is a 404."""
        caller = self._caller(request)
        own = {caller.session_id, *(session.id for session in self._auth().sessions(caller.subject))}
        if request.session_id not in own:
            raise NotFound
        self._auth().end(request.session_id, self.client(request))
        return Response(204)

    def jwks(self, request: Request) -> Response:
        """The public keys, or 304 where the caller has them already (RFC 9110 §13.1.2)."""
        auth = self._auth()
        found = auth.published_keys().jwks_document
        tag = f'"{found.digest}"'
        headers = {
            "Content-Type": "application/json",
            "Cache-Control": f"public, max-age={auth.jwks_max_age()}",
            "ETag": tag,
            "Access-Control-Allow-Origin": "*",  # public keys: a page of any origin may verify tokens
        }
        if _has(request.if_none_match, tag):
            del headers["Content-Type"]
            return Response(304, b"", headers)
        return Response(200, found.body, headers)

    def client(self, request: Request) -> Client:
        """Return where a request came from, as the trusted proxies say."""
        address = self._addresses.find(request.peer, request.forwarded_for)
        return Client(ip_address=address, user_agent=request.user_agent)

    def _caller(self, request: Request) -> Identity:
        auth = self._auth()
        token = bearer_token(request.authorization)
        try:
            identity = auth.authenticate(token)
        except InvalidToken as error:
            raise explain(error, token) from error
        check_identity(identity, auth.now)
        return identity


def _check_switches(switches: Mapping[str, bool], names: Sequence[str]) -> None:
    if not isinstance(switches, Mapping):  # False would switch nothing off
        raise InvalidSettings(
            f'endpoints must be a mapping such as {{"login": False}}, not {describe(switches)}'
        )
    for name, is_on in switches.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(names)}."
            raise InvalidSettings(f"endpoints: {name!r} is not the name of an endpoint. {hint}")
        if not isinstance(is_on, bool):
            raise InvalidSettings(f"endpoints: {name} must be True or False, not {type(is_on).__name__}")


def error_response(error: WatchwordError) -> Response:
    """The response that an error stands for (RFC 6749 §5.2, RFC 6750 §3.1); 500 where it has no status."""
    headers = {}
    if (authenticate := challenge(error)) is not None:
        headers["WWW-Authenticate"] = authenticate
    if isinstance(error, Throttled | Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.status is None:
        return _json(500, {"error": "server_error", "error_description": "something went wrong here"})
    body = {"error": public_code(error), "error_description": str(error)}
    return _json(error.status, body, headers=headers)


def _decoded(request: Request, kind: type[T]) -> T:
    """The body as what it has to be.

    Raises:
        UnsupportedMediaType: it is not declared as JSON.
        InvalidRequest: it is not JSON in UTF-8, or not of that kind.
    """
    names = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
    if not _is_json(request.content_type):
        raise UnsupportedMediaType(
            f"send the body as application/json: a JSON object with the text members {names}"
        )
    try:
        # Strict as with tokens: of two members of one name, a proxy may have looked at the other.
        return msgspec.convert(decode_object(request.body), kind)
    except (MalformedToken, msgspec.ValidationError):
        raise InvalidRequest(
            f"the body must be a JSON object with the text members {names}, each once"
        ) from None


def _has(if_none_match: str | None, tag: str) -> bool:
    """Whether an ``If-None-Match`` names what is there; the comparison is the weak one."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _ENTITY_TAG.findall(if_none_match)


def _is_json(content_type: str | None) -> bool:
    media_type, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return media_type.strip().lower() == "application/json" and charset in {"", "charset=utf-8"}


def _issued(tokens: Tokens) -> Response:
    return _json(200, tokens.body())


def _json(
    status: int, content: Any, *, cache_control: str = "no-store", headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        status,
        msgspec.json.encode(content),
        {"Content-Type": "application/json", "Cache-Control": cache_control, **(headers or {})},
    )


def _shown(session: Session, caller: Identity) -> dict[str, Any]:
    return {
        "id": session.id,
        "created_at": session.created_at,
        "last_used_at": session.refreshed_at or session.created_at,
        "user_agent": session.user_agent,
        "ip_address": session.ip_address,
        "current": session.id == caller.session_id,
    }
