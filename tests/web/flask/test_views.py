"""A view whose guard is never asked is found, wherever it was registered."""

from __future__ import annotations

from functools import wraps

import flask
import flask_restx
import pytest

from watchword.errors import InvalidSettings
from watchword.web.flask import Watchword

LEFT_OPEN = "'secrets' is open to every client"


def views(parent, auth):
    """Registers a view in the wrong order: the application knows the bare one."""

    @auth.protect()
    @parent.get("/secrets")
    def secrets():
        return "secret"

    return secrets


def cache(view):
    """Any other decorator."""

    @wraps(view)
    def cached(*args, **kwargs):
        return view(*args, **kwargs)

    return cached


def test_protect_above_the_route_is_refused_where_it_stands(app, extension):
    with pytest.raises(InvalidSettings, match=LEFT_OPEN):
        views(app, extension)


def test_and_so_it_is_with_another_decorator_in_between(app, extension):
    with pytest.raises(InvalidSettings, match=LEFT_OPEN):

        @extension.protect()
        @app.get("/secrets")
        @cache
        def secrets():
            return "secret"


def test_and_so_it_is_when_the_application_is_set_up_after_its_views(extension):
    app = flask.Flask("late")
    views(app, extension)
    with pytest.raises(InvalidSettings, match=LEFT_OPEN):
        extension.init_app(app)


@pytest.mark.parametrize("debug", [True, False])
def test_a_blueprint_that_is_registered_later_opens_no_request_until_it_is_mended(app, extension, debug):
    things = flask.Blueprint("things", "things")
    views(things, extension)
    app.register_blueprint(things)
    app.config["PROPAGATE_EXCEPTIONS"] = debug
    for _ in range(2):
        if debug:
            with pytest.raises(InvalidSettings, match=r"'things\.secrets' is open to every client"):
                app.test_client().get("/secrets")
        else:
            answer = app.test_client().get("/secrets")
            assert (answer.status_code, "secret" in answer.text) == (500, False)


def test_the_right_order_passes_whatever_stands_in_between(app, extension, bearer):
    outside = flask.Flask("other")  # a second application, so that the first has not answered yet
    extension.init_app(outside)

    @outside.get("/above")
    @cache
    @extension.protect()
    def above():
        return extension.identity.username

    @outside.get("/below")
    @extension.protect()
    @cache
    def below():
        return extension.identity.username

    @outside.get("/twice")
    @extension.protect(scopes="read")
    @extension.protect()
    def twice():
        return extension.identity.username

    for path in ("/above", "/below", "/twice"):
        assert outside.test_client().get(path).status_code == 401
        assert outside.test_client().get(path, headers=bearer).text == "alice"


def test_a_function_may_stand_behind_the_guards_of_two_extensions(app, extension):
    other = Watchword(auth=extension.core)

    def secrets():
        return "secret"

    app.add_url_rule("/one", "one", extension.protect()(secrets))
    app.add_url_rule("/other", "other", other.protect()(secrets))
    assert app.test_client().get("/one").status_code == 401


def test_a_class_cannot_be_guarded_and_is_told_how(app, extension):
    api = flask_restx.Api(app)
    with pytest.raises(InvalidSettings, match="method_decorators"):

        @extension.protect()
        @api.route("/thing")
        class Thing(flask_restx.Resource):
            def get(self):
                return {}
