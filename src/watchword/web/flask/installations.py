"""What the extensions have in a Flask application, and tasks for the time before its first request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import flask

from watchword.settings import Settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier
from watchword.web.flask.instance_folder import make_folder, resolve_in_folder
from watchword.web.installation import Installation
from watchword.web.wsgi import WsgiRequest

__all__ = [
    "INSTALLATIONS",
    "list_installations",
    "make_installation",
    "run_before_first_request",
]

INSTALLATIONS = "watchword.all"  # in app.extensions


def list_installations(app: flask.Flask) -> list[Installation]:
    """List what the extensions have in an application. The first extension comes first."""
    return list(app.extensions.get(INSTALLATIONS, {}).values())


def make_installation(
    app: flask.Flask,
    auth: AuthOrVerifier | None,
    options: Mapping[str, Any],
    settings: Settings,
    *,
    switches: Mapping[str, bool] | None,
    also: Iterable[AnyVerifier],
) -> Installation:
    """Make what an extension has in an application. The database lies in the instance folder.

    Raises:
        InvalidSettings: as :class:`Installation`.
    """
    folder = Path(app.instance_path)
    return Installation(
        auth,
        options,
        settings,
        switches=switches,
        also=also,
        resolve=partial(resolve_in_folder, folder=folder),
        before_opening=partial(make_folder, folder=folder),
        find_request=_find_request,
    )


def run_before_first_request(app: flask.Flask, task: Callable[[], None]) -> None:
    """Run a task before the first request, and again before the next request if the task fails."""

    def run() -> None:
        task()
        others = [function for function in app.before_request_funcs[None] if function is not run]
        app.before_request_funcs[None] = others  # Flask is iterating over the old list.

    app.before_request(run)


def _find_request() -> WsgiRequest | None:
    return WsgiRequest(flask.request.environ) if flask.has_request_context() else None
