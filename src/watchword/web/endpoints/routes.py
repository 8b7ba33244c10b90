"""The table of all endpoints."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from watchword.arguments import describe
from watchword.auth import Auth
from watchword.errors import InvalidSettings
from watchword.settings import Settings
from watchword.web.endpoints.gateways import GatewayEndpoints
from watchword.web.endpoints.metadata import MetadataEndpoints
from watchword.web.endpoints.oauth import OAuthEndpoints
from watchword.web.endpoints.sessions import SessionEndpoints
from watchword.web.endpoints.tokens import TokenEndpoints
from watchword.web.http import Request, Response
from watchword.web.proxies import ClientFinder
from watchword.web.responses import to_head_response

__all__ = ["Endpoints", "Route"]


def _does_io() -> bool:
    return False


class Route(NamedTuple):
    """An endpoint, for a framework to route to.

    Attributes:
        name: a name that no other route has, for frameworks that name their routes.
        endpoint: the name by which an application switches the endpoint off. Several routes may have it.
        methods: all methods of the path, so that a framework can answer any other method with 405 and the
            right ``Allow``. A route with ``GET`` has ``HEAD`` too.
        path: the path below the application's mount path. ``{name}`` stands for a segment, which the request
            has in its ``path_parameters``.
        handler: answers a request, and raises a WatchwordError to refuse. It may do I/O. Its response to
            ``HEAD`` has the headers of the response to ``GET``, with ``Content-Length``, and no body.
        is_free_of_io: whether the handler would do no I/O now. Then an adapter on an event loop calls the
            handler directly, and otherwise in a thread.
    """

    name: str
    endpoint: str
    methods: tuple[str, ...]
    path: str
    handler: Callable[[Request], Response]
    is_free_of_io: Callable[[], bool] = _does_io

    @property
    def has_body(self) -> bool:
        """Whether the handler reads the body of a request.

        A gateway that asks about a request may declare the body of that request, and never send it.
        """
        return "GET" not in self.methods

    @property
    def is_well_known(self) -> bool:
        """Whether the path is the same for all extensions of an application (RFC 8615)."""
        return self.path.startswith("/.well-known/")


class Endpoints:
    """The endpoints of an :class:`~watchword.Auth`.

    Args:
        open_auth: returns the Auth. It is not called before the first request, so the store may open late.
        settings: the settings of the Auth.
        switches: the names of endpoints, and whether they are served. An endpoint without a switch is served.
        find_auth: returns the Auth if it is open, or ``None``.

    Attributes:
        routes: the endpoints that are served.
        clients: finds the client of a request.

    Raises:
        InvalidSettings: a switch does not have the name of an endpoint, or is not a bool.
    """

    def __init__(
        self,
        open_auth: Callable[[], Auth],
        settings: Settings,
        switches: Mapping[str, bool] | None = None,
        *,
        find_auth: Callable[[], Auth | None] = lambda: None,
    ) -> None:
        self.clients = ClientFinder(settings.trusted_proxies)
        tokens = TokenEndpoints(open_auth, self.clients, settings.token_header)
        sessions = SessionEndpoints(open_auth, self.clients, settings.token_header)
        oauth = OAuthEndpoints(open_auth, settings, self.clients)
        gateways = GatewayEndpoints(open_auth, settings.token_header)
        metadata = MetadataEndpoints(open_auth, settings, self._find_path)
        prefix = settings.prefix

        def is_free_of_io() -> bool:
            auth = find_auth()
            return auth is not None and auth.is_free_of_io()

        routes = (
            _make_route("login", "POST", f"{prefix}/login", tokens.log_in),
            _make_route("refresh", "POST", f"{prefix}/refresh", tokens.refresh),
            _make_route("logout", "POST", f"{prefix}/logout", tokens.log_out),
            _make_route("logout_all", "POST", f"{prefix}/logout-all", tokens.log_out_everywhere),
            _make_get_route("me", f"{prefix}/me", sessions.describe_caller, is_free_of_io),
            _make_get_route("sessions", f"{prefix}/sessions", sessions.list_sessions),
            _make_route("end_session", "DELETE", f"{prefix}/sessions/{{session_id}}", sessions.end_session),
            _make_route("token", "POST", f"{prefix}/token", oauth.issue_tokens),
            _make_route("revoke", "POST", f"{prefix}/revoke", oauth.revoke_token),
            _make_get_route("check", f"{prefix}/check", gateways.check_request, is_free_of_io),
            _make_get_route("jwks", "/.well-known/jwks.json", metadata.publish_keys, is_free_of_io),
            *(
                _make_get_route(name, path, handler, is_free_of_io, endpoint="metadata")
                for name, path, handler in metadata.list_documents()
            ),
        )
        switches = {} if switches is None else switches
        _check_switches(switches, list(dict.fromkeys(route.endpoint for route in routes)))
        self.routes = tuple(route for route in routes if switches.get(route.endpoint, True))

    def _find_path(self, name: str) -> str | None:
        """Return the path of the route of a name, or ``None`` if the route is not served."""
        return next((route.path for route in self.routes if route.name == name), None)


def _make_route(name: str, method: str, path: str, handler: Callable[[Request], Response]) -> Route:
    return Route(name, name, (method,), path, handler)


def _make_get_route(
    name: str,
    path: str,
    handler: Callable[[Request], Response],
    is_free_of_io: Callable[[], bool] = _does_io,
    endpoint: str | None = None,
) -> Route:
    """Return a route for ``GET``, and for ``HEAD`` as RFC 9110 §9.3.2 has it."""

    def answer(request: Request) -> Response:
        response = handler(request)
        return to_head_response(response) if request.method == "HEAD" else response

    return Route(name, endpoint or name, ("GET", "HEAD"), path, answer, is_free_of_io)


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
