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
from watchword.web.users import LoadUser
from watchword.web.wsgi import WsgiRequest

__all__ = [
    "INSTALLATIONS",
    "find_running_installation",
    "list_installations",
    "make_installation",
    "run_before_first_request",
    "set_running_installation",
]

INSTALLATIONS = "watchword.all"  # in app.extensions
_INSTALLATION = "_watchword_installation"  # of the running request


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
    load_user: LoadUser | None,
) -> Installation:
    """Make what an extension has in an application. The database lies in the instance folder.

    Raises:
        InvalidSettings: as :class:`Installation`, or ``load_user`` is a coroutine function.
    """
    folder = Path(app.instance_path)
    installation = Installation(
        auth,
        options,
        settings,
        switches=switches,
        also=also,
        load_user=load_user,
        resolve=partial(resolve_in_folder, folder=folder),
        before_opening=partial(make_folder, folder=folder),
        find_request=_find_request,
    )
    installation.users.refuse_async()  # Flask's views are synchronous, or each has an event loop of its own.
    return installation


def set_running_installation(installation: Installation) -> None:
    """Remember that the running request is for an endpoint of this installation."""
    setattr(flask.request, _INSTALLATION, installation)


def find_running_installation() -> Installation:
    """Return the installation whose endpoint answers the running request, or the first of the application."""
    running: Installation | None = getattr(flask.request, _INSTALLATION, None)
    return running or list_installations(flask.current_app)[0]


def run_before_first_request(app: flask.Flask, task: Callable[[], None]) -> None:
    """Run a task before the first request, and again before the next request if the task fails."""

    def run() -> None:
        task()
        others = [function for function in app.before_request_funcs[None] if function is not run]
        app.before_request_funcs[None] = others  # Flask is iterating over the old list.

    app.before_request(run)


def _find_request() -> WsgiRequest | None:
    return WsgiRequest(flask.request.environ) if flask.has_request_context() else None
