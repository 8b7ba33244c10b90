"""The application that ``watchword serve`` serves."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from watchword.errors import WatchwordError
from watchword.monitoring.prometheus import Metrics
from watchword.server.access_log import AccessLog
from watchword.server.front import Front
from watchword.settings import Settings
from watchword.stores import resolve_settings
from watchword.web.responses import to_error_response
from watchword.web.starlette import RefusedRequest, Watchword
from watchword.web.starlette.errors import to_starlette_response

__all__ = ["create_app"]


def create_app(
    settings: Settings | None = None, *, counts: Path | None = None, access_log: AccessLog | None = None
) -> Starlette:
    """Make the login system as an ASGI application.

    Args:
        settings: the settings. By default they come from the environment.
        counts: a folder in which the processes of a server keep the numbers that ``/metrics`` sums up. By
            default this process is the only process.
        access_log: gets a line for each request. By default there are none.

    Raises:
        InvalidSettings: a setting is not usable.
        StoreUnavailable: the database cannot be opened.
    """
    settings = resolve_settings(settings or Settings.from_environment(os.environ))
    metrics = Metrics(counts) if settings.metrics else None
    auth = Watchword(settings=settings, listeners=[metrics] if metrics else [])
    auth.open()
    app = _Application(
        partial(Front, trusted_proxies=settings.trusted_proxies, access_log=access_log),
        routes=_make_routes(auth, metrics),
        exception_handlers={HTTPException: _on_http_error, Exception: _on_error},
        lifespan=partial(_live, auth, metrics if counts else None),
    )
    # A redirect would make the client repeat its body, password included.
    app.router.redirect_slashes = False
    app.state.auth = auth
    return app


class _Application(Starlette):
    """Starlette behind a front.

    Args:
        add_front: puts the front before an application.
        options: the arguments of Starlette.
    """

    def __init__(self, add_front: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        super().__init__(**options)
        self._add_front = add_front

    def build_middleware_stack(self) -> ASGIApp:
        """Put the front before all that Starlette does."""
        return self._add_front(super().build_middleware_stack())


@asynccontextmanager
async def _live(auth: Watchword, metrics: Metrics | None, _app: Starlette) -> AsyncIterator[None]:
    """Tell the other workers about this worker, for as long as it lives. Close the store at the end."""
    async with anyio.create_task_group() as tasks:
        if metrics:
            tasks.start_soon(_keep_publishing, metrics, auth)
        yield
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(auth.close)


def _make_routes(auth: Watchword, metrics: Metrics | None) -> list[BaseRoute]:
    @auth.protect
    async def greet(request: Request) -> Response:
        return _to_json(200, {"message": f"Hello, {request.user.username}!"})

    async def tell_health(_: Request) -> Response:
        return _to_json(200, {"status": "ok"})

    # It asks the store, so Starlette calls it in a thread.
    def tell_readiness(_: Request) -> Response:
        try:
            auth.core.check()
            differing = auth.core.find_settings_that_differ()
        except WatchwordError as error:
            return to_starlette_response(to_error_response(error))
        return _to_json(200, {"status": "ready", **({"settings_differ": differing} if differing else {})})

    routes: list[BaseRoute] = [
        Route("/protected", greet),
        Route("/healthz", tell_health),
        Route("/readyz", tell_readiness),
        *auth.routes,
    ]
    if metrics:
        # It reads a few small files. In a thread it would have to wait while all threads wait for the store.
        async def expose_metrics(request: Request) -> Response:
            metrics.publish(auth.core.revocation_status())
            body, media_type = metrics.render(request.headers.get("Accept", ""))
            return Response(body, headers={"Content-Type": media_type})

        routes.append(Route("/metrics", expose_metrics))
    return routes


async def _keep_publishing(metrics: Metrics, auth: Watchword) -> None:
    """Publish the status of this worker's revocation feed each second, for as long as the worker lives."""
    while True:
        metrics.publish(auth.core.revocation_status())
        await anyio.sleep(1)


async def _on_http_error(request: Request, error: Any) -> Response:
    """Answer an ``HTTPException`` in the form of our errors, with nothing from the request."""
    if isinstance(error, RefusedRequest):
        return to_starlette_response(error.response)
    if error.status_code != 405:
        return _to_error(error.status_code, error.headers)
    # Each path answers OPTIONS, whose answer is the same header.
    allowed = sorted({*error.headers["Allow"].split(", "), "OPTIONS"})
    headers = {"Allow": ", ".join(allowed)}
    return Response(headers=headers) if request.method == "OPTIONS" else _to_error(405, headers)


async def _on_error(_request: Request, _error: Exception) -> Response:
    """Answer an error of the application. The front logs the error."""
    return _to_error(500)


def _to_error(status_code: int, headers: Any = None) -> Response:
    status = HTTPStatus(status_code)
    content = {
        "error": "server_error" if status == 500 else re.sub(r"\W+", "_", status.phrase.lower()),
        "error_description": status.description or status.phrase,
    }
    return _to_json(status, content, headers)


def _to_json(status: int, content: object, headers: Any = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
