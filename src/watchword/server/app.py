"""The application that ``watchword serve`` serves."""

from __future__ import annotations

import os
import re
import threading
import time
from functools import partial
from http import HTTPStatus
from pathlib import Path

import flask
import msgspec
from werkzeug.exceptions import HTTPException

from watchword.auth import Auth
from watchword.monitoring.prometheus import Metrics
from watchword.settings import Settings
from watchword.stores import resolve_settings
from watchword.web.flask.extension import Watchword

__all__ = ["create_app"]


def create_app(settings: Settings | None = None, *, counts: Path | None = None) -> flask.Flask:
    """Make the login system as a WSGI application.

    Args:
        settings: the settings. By default they come from the environment.
        counts: a folder in which the processes of a server keep the numbers that ``/metrics`` sums up. By
            default this process is the only process.

    Raises:
        InvalidSettings: a setting is not usable.
        StoreUnavailable: the database cannot be opened.
    """
    settings = resolve_settings(settings or Settings.from_environment(os.environ))
    app = flask.Flask(__name__, static_folder=None)
    # A redirect to the path with a single slash would send a password to the host that the Host header names.
    app.url_map.merge_slashes = False
    metrics = Metrics(counts) if settings.metrics else None
    auth = Watchword(app, settings=settings, listeners=[metrics] if metrics else [])
    auth.open()
    app.register_error_handler(HTTPException, _on_http_error)

    @app.get("/protected")
    @auth.protect()
    def greet() -> dict[str, str]:
        return {"message": f"Hello, {auth.identity.username}!"}

    @app.get("/healthz")
    def tell_health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def tell_readiness() -> dict[str, object]:
        auth.core.check()
        differing = auth.core.find_settings_that_differ()
        return {"status": "ready", **({"settings_differ": differing} if differing else {})}

    if metrics:
        core = auth.core

        @app.get("/metrics")
        def expose_metrics() -> flask.Response:
            metrics.publish(core.revocation_status())
            body, media_type = metrics.render(flask.request.headers.get("Accept", ""))
            return flask.Response(body, content_type=media_type)

        if counts is not None:
            keep = partial(_keep_publishing, metrics, core)
            threading.Thread(target=keep, name="watchword-metrics", daemon=True).start()
    return app


def _keep_publishing(metrics: Metrics, auth: Auth) -> None:
    """Publish the status of this worker's revocation feed each second, for as long as the worker lives."""
    while True:
        metrics.publish(auth.revocation_status())
        time.sleep(1)


def _on_http_error(error: HTTPException) -> flask.typing.ResponseReturnValue:
    """Answer an error of werkzeug in the form of our errors, with nothing from the request."""
    status = HTTPStatus(error.code or 500)
    body = {
        "error": "server_error" if status == 500 else re.sub(r"\W+", "_", status.phrase.lower()),
        "error_description": status.description or status.phrase,
    }
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return flask.Response(msgspec.json.encode(body), status, headers, content_type="application/json")
