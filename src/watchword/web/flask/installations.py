"""What the extensions have in a Flask application."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import flask

from watchword.settings import Settings
from watchword.web.authenticators import AuthOrVerifier
from watchword.web.flask.instance_folder import make_folder, resolve_in_folder
from watchword.web.installation import Installation
from watchword.web.wsgi import WsgiRequest

__all__ = ["INSTALLATIONS", "list_installations", "make_installation"]

INSTALLATIONS = "watchword.all"  # in app.extensions


def list_installations(app: flask.Flask) -> list[Installation]:
    """List what the extensions have in an application. The first extension comes first."""
    return list(app.extensions.get(INSTALLATIONS, {}).values())


def make_installation(
    app: flask.Flask,
    auth: AuthOrVerifier | None,
    options: Mapping[str, Any],
    settings: Settings,
    endpoints: Mapping[str, bool] | None,
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
        switches=endpoints,
        resolve=partial(resolve_in_folder, folder=folder),
        before_opening=partial(make_folder, folder=folder),
        find_request=_find_request,
    )


def _find_request() -> WsgiRequest | None:
    return WsgiRequest(flask.request.environ) if flask.has_request_context() else None
