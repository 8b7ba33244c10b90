"""Errors in a Flask application: who answers them, what is logged, what other extensions make of them."""

from __future__ import annotations

import logging
import math

import flask
import flask_restful
import flask_restx
import flask_smorest
import pytest
from flask.views import MethodView
from werkzeug.exceptions import HTTPException, Unauthorized

from watchword.errors import (
    AccountNotFound,
    InvalidSettings,
    InvalidToken,
    MissingToken,
    PasswordRejected,
    StoreUnavailable,
    Unissuable,
    UsernameRejected,
    UsernameTaken,
    WatchwordError,
)
from watchword.web.flask import Watchword

MISSING = {"error": "missing_token", "error_description": "a bearer token is needed"}


def raising(app, error):
    def view():
        raise error

    app.add_url_rule("/raise", view_func=view)
    return app.test_client()


@pytest.fixture
def production(extension):
    """An application as in production: neither testing nor debugging."""
    app = flask.Flask("production")
    extension.init_app(app)
    return app


# -- what the guard raises, in other extensions ---------------------------------------------------------


def in_restx(app, auth):
    api = flask_restx.Api(app)

    @api.route("/thing")
    class Thing(flask_restx.Resource):
        @auth.protect(scopes=["admin"])
        def get(self):
            return {"never": "called"}


def in_restful(app, auth):
    class Thing(flask_restful.Resource):
        method_decorators = (auth.protect(scopes=["admin"]),)

        def get(self):
            return {"never": "called"}

    flask_restful.Api(app).add_resource(Thing, "/thing")


def in_smorest(app, auth):
    app.config.update(API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.0.3")
    api = flask_smorest.Api(app)
    things = flask_smorest.Blueprint("things", "things")

    @things.route("/thing")
    class Thing(MethodView):
        @auth.protect(scopes=["admin"])
        @things.response(200)
        def get(self):
            return {"never": "called"}

    api.register_blueprint(things)


def in_a_blueprint_that_answers_all_other_errors(app, auth):
    things = flask.Blueprint("things", "things")
    things.add_url_rule("/thing", view_func=auth.protect(scopes=["admin"])(lambda: "never called"))

    @things.errorhandler(Exception)
    def answer(error):
        return error if isinstance(error, HTTPException) else ("a bug", 500)

    app.register_blueprint(things)


def in_an_application_that_answers_all_http_errors(app, auth):
    app.add_url_rule("/thing", view_func=auth.protect(scopes=["admin"])(lambda: "never called"))
    app.register_error_handler(HTTPException, lambda error: ({"status": error.code}, error.code))


@pytest.mark.parametrize(
    "build",
    [
        in_restx,
        in_restful,
        in_smorest,
        in_a_blueprint_that_answers_all_other_errors,
        in_an_application_that_answers_all_http_errors,
    ],
    ids=lambda build: build.__name__,
)
def test_a_refusal_is_the_documented_answer_in(production, extension, desk, build):
    build(production, extension)
    client = production.test_client()
    answer = client.get("/thing")
    assert (answer.status_code, answer.get_json()) == (401, MISSING)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    few = {"Authorization": f"Bearer {desk.start('7', ['read']).access_token}"}
    answer = client.get("/thing", headers=few)
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="admin"'
    desk.stores.close()
    desk._revocations._polls.remove()
    desk._revocations._spared_until = -math.inf
    answer = client.get("/thing", headers=few)
    assert (answer.status_code, answer.get_json()["error"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"


# -- handlers of the application's own ------------------------------------------------------------------


def on_the_application(app, kind, handler):
    app.register_error_handler(kind, handler)
    return app


def on_a_blueprint(app, kind, handler):
    things = flask.Blueprint("things", "things")
    things.register_error_handler(kind, handler)
    return things


@pytest.mark.parametrize("kind", [WatchwordError, InvalidToken, MissingToken])
@pytest.mark.parametrize("place", [on_the_application, on_a_blueprint])
@pytest.mark.parametrize("first", ["the handler", "the extension"])
def test_the_applications_own_handler_gets_our_error_whenever_it_was_registered(
    extension, kind, place, first
):
    app = flask.Flask("own")
    if first == "the extension":
        extension.init_app(app)
    where = place(app, kind, lambda error: ({"msg": str(error), "code": error.code}, error.status))

    def identity():
        return extension.identity.subject

    where.add_url_rule("/guarded", view_func=extension.protect()(lambda: "never called"))
    where.add_url_rule("/identity", view_func=identity)
    if where is not app:
        app.register_blueprint(where)
    if first == "the handler":
        extension.init_app(app)
    own = {"msg": MISSING["error_description"], "code": "missing_token"}
    for path in ("/guarded", "/identity"):
        answer = app.test_client().get(path)
        assert (answer.status_code, answer.get_json()) == (401, own)
    expected = own if where is app else MISSING
    assert app.test_client().get("/auth/me").get_json() == expected


def test_a_handler_of_another_error_changes_nothing(production):
    production.register_error_handler(StoreUnavailable, lambda _: ("away", 503))
    assert production.test_client().get("/auth/me").get_json() == MISSING


@pytest.mark.parametrize("key", [401, Unauthorized])
def test_a_handler_of_the_status_is_asked_about_refusals_of_the_guard(production, extension, key):
    production.register_error_handler(
        key, lambda error: (f"please log in: {error.description}", 401, error.get_headers())
    )
    production.add_url_rule("/guarded", view_func=extension.protect()(lambda: "never called"))
    answer = production.test_client().get("/guarded")
    assert (answer.status_code, answer.text) == (401, "please log in: a bearer token is needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


# -- errors with and without a status ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (UsernameTaken, 409, "username_taken"),
        (UsernameRejected, 422, "username_rejected"),
        (PasswordRejected, 422, "password_rejected"),
        (AccountNotFound, 404, "account_not_found"),
        (StoreUnavailable, 503, "store_unavailable"),
    ],
)
def test_what_a_person_did_wrong_is_told_to_that_person(production, kind, status, code):
    answer = raising(production, kind("in these words")).get("/raise")
    assert (answer.status_code, answer.get_json()) == (
        status,
        {"error": code, "error_description": "in these words"},
    )


@pytest.mark.parametrize("error", [InvalidSettings("a mistake"), Unissuable("a mistake")])
def test_a_mistake_of_the_application_is_treated_as_any_other(production, caplog, error):
    client = raising(production, error)
    assert client.get("/raise").status_code == 500
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info[1] is error
    production.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(type(error), match="a mistake"):
        client.get("/raise")


def test_the_page_for_mistakes_is_the_applications(production):
    production.register_error_handler(500, lambda _: ("our own page", 500))
    assert raising(production, Unissuable("a mistake")).get("/raise").text == "our own page"


def test_a_handler_of_every_exception_gets_the_mistakes_and_none_of_the_refusals(production, extension):
    production.register_error_handler(Exception, lambda error: (f"a bug: {error}", 500))
    production.add_url_rule("/guarded", view_func=extension.protect()(lambda: "never called"))
    client = raising(production, Unissuable("a mistake"))
    assert client.get("/raise").text == "a bug: a mistake"
    assert client.get("/guarded").get_json() == MISSING


def test_a_mistake_behind_an_endpoint_of_ours_leaves_its_traceback_in_the_log(caplog):
    app = flask.Flask("tested")
    app.config["WATCHWORD_DATABASE_URL"] = "sqlite://"
    auth = Watchword(
        app, check_password=lambda *_: (_ for _ in ()).throw(RuntimeError("the directory is away"))
    )
    answer = app.test_client().post("/auth/login", json={"username": "alice", "password": "right"})
    auth.close()
    assert answer.status_code == 500
    assert "the directory is away" not in answer.text
    (record,) = [record for record in caplog.records if record.name == app.logger.name]
    assert str(record.exc_info[1]) == "the directory is away"
