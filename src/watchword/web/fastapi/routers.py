"""Serve our endpoints as a router of FastAPI, with their place in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Security
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from watchword.web.endpoints import Route
from watchword.web.fastapi.errors import RefusedOperation
from watchword.web.fastapi.operations import describe_operation
from watchword.web.fastapi.schemes import BearerLock
from watchword.web.installation import Installation
from watchword.web.starlette.endpoints import StrictMatching, make_endpoint, name_route
from watchword.web.starlette.lifespan import keep_open

__all__ = ["make_router"]

_PARAMETER = re.compile(r"\{(\w+)\}")


class _EndpointRouter(APIRouter):
    """A router that is passed over fast: FastAPI asks it before every route that was added later."""

    literal = "/"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path of the request, which may be below a mount path."""
        path = scope["path"]
        if self.literal in path or "/.well-known/" in path:
            return super().matches(scope)
        return Match.NONE, {}


class _StrictApiRoute(StrictMatching, APIRoute):
    """A route of FastAPI that no router redirects to."""


def make_router(installation: Installation, routes: Iterable[Route], lock: BearerLock) -> APIRouter:
    """Return a router that serves endpoints, and keeps the store open while the application runs.

    Args:
        installation: what the extension has in the application.
        routes: the endpoints.
        lock: the lock that OpenAPI shows for endpoints that need a token.
    """

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with keep_open(installation):
            yield

    router = _EndpointRouter(tags=["auth"], route_class=_StrictApiRoute, lifespan=lifespan)
    router.literal = f"{installation.settings.prefix}/"
    for route in routes:
        _add_route(router, route, installation, lock)
    return router


def _add_route(router: APIRouter, route: Route, installation: Installation, lock: BearerLock) -> None:
    endpoint = make_endpoint(route, installation, RefusedOperation)
    operation = describe_operation(route.endpoint)
    name = name_route(route, installation)
    for method in route.methods:
        is_head = method == "HEAD"  # OpenAPI has a single id for both methods of a route.
        router.add_api_route(
            route.path,
            endpoint,
            methods=[method],
            name=f"{name}:head" if is_head else name,
            include_in_schema=not is_head,
            response_model=None,
            dependencies=[Security(lock)] if operation.is_locked else None,
            **operation.to_arguments(_PARAMETER.findall(route.path)),
        )
