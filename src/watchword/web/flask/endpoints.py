"""Register our endpoints as a blueprint of a Flask application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

import flask
from werkzeug.exceptions import RequestEntityTooLarge

from watchword.errors import BodyTooLarge, NotFound
from watchword.web.endpoints import Route
from watchword.web.flask.errors import to_flask_response
from watchword.web.flask.installations import set_running_installation
from watchword.web.installation import Installation
from watchword.web.wsgi import WsgiRequest

__all__ = ["EndpointBlueprint", "register_endpoints"]


class EndpointBlueprint(flask.Blueprint):
    """The endpoints of an extension."""


def register_endpoints(
    app: flask.Flask, installation: Installation, others: Iterable[Installation]
) -> EndpointBlueprint | None:
    """Register the endpoints of an extension, if it has endpoints.

    Args:
        app: the application.
        installation: what the extension has in the application.
        others: what other extensions have in the application.

    Raises:
        InvalidSettings: another extension has endpoints at the same prefix, or would accept the same tokens.
    """
    if installation.endpoints is None:
        return None
    routes = installation.select_routes(others)
    blueprint = EndpointBlueprint(installation.name, __name__)
    for route in routes:
        blueprint.add_url_rule(
            route.path.replace("{", "<").replace("}", ">"),
            route.name,
            _make_view(route, installation),
            methods=route.methods,
            # A client repeats the body of a redirected request, password included.
            strict_slashes=True,
            merge_slashes=False,
        )
    app.register_blueprint(blueprint)
    return blueprint


def _make_view(route: Route, installation: Installation) -> Callable[..., flask.Response]:
    max_body = installation.settings.max_body

    def view(**path_parameters: str) -> flask.Response:
        request = flask.request
        set_running_installation(installation)
        if request.environ["PATH_INFO"].startswith("//"):  # werkzeug takes them for a single slash.
            raise NotFound
        body = _read_body(request, max_body) if route.has_body else b""
        return to_flask_response(route.handler(WsgiRequest(request.environ, path_parameters, body)))

    return view


def _read_body(request: flask.Request, max_body: int) -> bytes:
    request.max_content_length = max_body + 1  # werkzeug cuts a chunked body off there without an error.
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise BodyTooLarge from None
    if not body and "form" in request.__dict__:
        # A hook of the application has parsed the form, and werkzeug has not kept the bytes.
        body = urlencode(list(request.form.items(multi=True))).encode()
    if len(body) > max_body:
        raise BodyTooLarge
    return body
