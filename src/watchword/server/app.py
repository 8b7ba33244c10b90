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
    """The login system as a WSGI application.

    Args:
        settings: how it behaves; by default what the environment says.
        counts: a folder where the processes of a server keep what ``/metrics`` sums up; by default there is
            only this process.

    Raises:
        InvalidSettings: a setting is not usable.
        StoreUnavailable: the database cannot be opened.
    """
    settings = resolve_settings(settings or Settings.from_environment(os.environ))
    app = flask.Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a redirect to the one slash would carry a password to where Host says
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
    """Let the other workers know each second how it stands with this worker, for as long as it lives."""
    while True:
        metrics.publish(auth.revocation_status())
        time.sleep(1)


def _on_http_error(error: HTTPException) -> flask.typing.ResponseReturnValue:
    """What werkzeug refuses, in the form of all our errors: a code, a sentence, nothing of the request."""
    status = HTTPStatus(error.code or 500)
    body = {
        "error": "server_error" if status == 500 else re.sub(r"\W+", "_", status.phrase.lower()),
        "error_description": status.description or status.phrase,
    }
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return flask.Response(msgspec.json.encode(body), status, headers, content_type="application/json")
