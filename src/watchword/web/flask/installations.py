"""What the extensions have in a Flask application, and tasks for the time before its first request."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    "InstalledApplications",
    "find_running_installation",
    "list_installations",
    "make_installation",
    "run_before_first_request",
    "set_running_installation",
]

INSTALLATIONS = "watchword.all"  # in app.extensions
_INSTALLATION = "_watchword_installation"  # of the running request


class InstalledApplications:
    """The applications that an extension is set up for. The extension keeps none of them alive.

    Args:
        extension: the extension.

    Attributes:
        find_only: returns the installation of the only application. ``None`` if it is not known which, if
            there are several, and after the application is gone. For the guard, which must not pay for more.
    """

    find_only: Callable[[], Installation | None]

    def __init__(self, extension: object) -> None:
        self._extension = weakref.ref(extension)
        self._applications: weakref.WeakSet[flask.Flask] = weakref.WeakSet()
        self.find_only = _find_none

    def __contains__(self, app: object) -> bool:
        return app in self._applications

    def __iter__(self) -> Iterator[flask.Flask]:
        return iter(self._applications)

    def add(self, app: flask.Flask, installation: Installation) -> None:
        """Add what the extension has in an application."""
        app.extensions[INSTALLATIONS][self._extension()] = installation
        self._applications.add(app)
        self.find_only = _find_none

    def list_installations(self) -> Sequence[Installation]:
        """List what the extension has in each application."""
        return [app.extensions[INSTALLATIONS][self._extension()] for app in self._applications]

    def find(self) -> Installation:
        """Return what the extension has in the current application, or in the only application.

        Raises:
            RuntimeError: there is no application, there are several and none is the current application, or
                the extension is not set up for the current application.
        """
        applications = list(self._applications)
        if len(applications) == 1:
            (app,) = applications
            self.find_only = weakref.ref(app.extensions[INSTALLATIONS][self._extension()])
        elif not applications:
            raise RuntimeError(
                "this Watchword extension has no application: call init_app(app) first, and keep the app"
            )
        elif not flask.has_app_context():
            raise RuntimeError(
                "this Watchword extension has several applications: say which in `with app.app_context():`"
            )
        else:
            app = flask.current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's API
        installation: Installation | None = app.extensions.get(INSTALLATIONS, {}).get(self._extension())
        if installation is None:
            raise RuntimeError(
                f"this Watchword extension is not set up for the application {app.name!r}: call init_app(app)"
            )
        return installation


def _find_none() -> None:
    """Stand in for the only installation where there are none or several."""


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
