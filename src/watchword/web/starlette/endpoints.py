"""Serve our endpoints as routes of Starlette."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from watchword.errors import WatchwordError
from watchword.web import endpoints, http
from watchword.web.asgi import AsgiRequest, ClientDisconnected, read_body
from watchword.web.installation import Installation
from watchword.web.starlette.errors import RefusedRequest, find_own_exception, to_starlette_response

__all__ = [
    "Endpoint",
    "EndpointRoute",
    "StrictMatching",
    "make_endpoint",
    "make_routes",
    "name_route",
    "settle_extensions",
]

Endpoint = Callable[[Request], Awaitable[Response]]

_ASKED = "watchword.path"  # in the scope: the path of the request itself


class StrictMatching(Route):
    """A route that no router redirects to, and that names all its methods in a 405.

    A client repeats the body of a redirected request, password included. ``/auth/login/`` is a 404.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path of the request. A router asks about other paths where it would redirect."""
        path = scope["path"]
        # The first test is cheap: a router asks every route before the route that it looks for.
        if (
            self._literal not in path
            or scope.setdefault(_ASKED, path) != path
            or not self.is_served_in(scope)
        ):
            return Match.NONE, {}
        return super().matches(scope)

    def is_served_in(self, scope: Scope) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether the application of a scope serves this route."""
        return True

    @functools.cached_property
    def _literal(self) -> str:
        """The part of the path before its first parameter."""
        return self.path.partition("{")[0]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or raise a 405."""
        methods = self.methods or set()
        if scope["method"] not in methods:
            allowed = sorted(methods | ({"HEAD"} if "GET" in methods else set()))
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        await super().handle(scope, receive, send)


class EndpointRoute(StrictMatching):
    """The route of an endpoint of ours.

    Args:
        route: the endpoint.
        installation: what the extension has in the application.

    Attributes:
        installation: what the extension has in the application.
        is_well_known: whether the path is the same for all extensions.
        is_served: whether the endpoint is served here. ``None`` before its neighbours were looked at.
    """

    def __init__(self, route: endpoints.Route, installation: Installation) -> None:
        super().__init__(
            route.path,
            make_endpoint(route, installation),
            methods=route.methods,
            name=name_route(route, installation),
            include_in_schema=False,
        )
        self.installation = installation
        self.is_well_known = route.is_well_known
        self.is_served: bool | None = None

    def is_served_in(self, scope: Scope) -> bool:
        """Return whether the application serves the endpoint. It may belong to the first of its extensions.

        Raises:
            InvalidSettings: another extension in the same list of routes has the same prefix, or would accept
                the same tokens.
        """
        if self.is_served is None and "router" in scope:
            settle_extensions(scope["router"].routes)
        return self.is_served is not False


def settle_extensions(routes: Iterable[BaseRoute]) -> None:
    """Give the paths below ``/.well-known/`` to the first of several extensions.

    The extensions do not know each other before the application has a list of their routes.

    Args:
        routes: the routes of the application.

    Raises:
        InvalidSettings: two extensions have the same prefix, or would accept the same tokens.
    """
    installations: list[Installation] = []
    for route in routes:
        if isinstance(route, EndpointRoute):
            if route.installation not in installations:
                route.installation.select_routes(installations)
                installations.append(route.installation)
            route.is_served = not route.is_well_known or route.installation is installations[0]
        elif isinstance(route, Mount):
            settle_extensions(route.routes)


def make_routes(installation: Installation) -> list[BaseRoute]:
    """Return the routes of all endpoints of an extension. There are none without an Auth."""
    return [EndpointRoute(route, installation) for route in installation.select_routes(())]


def name_route(route: endpoints.Route, installation: Installation) -> str:
    """Return a name for ``url_path_for``: ``watchword:login``, or ``watchword_staff_auth:login``."""
    return f"{installation.name}:{route.name}"


def make_endpoint(
    route: endpoints.Route,
    installation: Installation,
    refusal: Callable[[WatchwordError, http.Response], RefusedRequest] = RefusedRequest,
) -> Endpoint:
    """Return a coroutine function that answers the requests of a route.

    Args:
        route: the endpoint.
        installation: what the extension has in the application.
        refusal: makes an HTTP error of an error of ours.
    """
    max_body = installation.settings.max_body

    async def answer(request: Request) -> Response:
        scope = request.scope
        try:
            body = b""
            if route.has_body:
                body = await read_body(request.receive, max_body, request.headers.get("content-length"))
            ours = AsgiRequest(scope, request.path_params, body)
            if route.is_free_of_io():
                response = route.handler(ours)
            else:
                response = await run_sync(route.handler, ours)
        except ClientDisconnected:
            return Response(status_code=400)  # No client reads it.
        except WatchwordError as error:
            if error.status is None:
                raise
            response = installation.to_error_response(error)
            own = find_own_exception(scope, error, response, refusal)
            if own is not None:
                try:
                    raise own from None
                finally:
                    # The error's traceback and this frame would keep each other, and so the connection.
                    del own
        return to_starlette_response(response)

    return answer
