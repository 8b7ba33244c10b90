"""``auth.user``: the application's own user, loaded where a view reads it."""

from __future__ import annotations

import flask
import pytest

from watchword.errors import InvalidSettings
from watchword.web.flask import Refused, Watchword


@pytest.fixture
def loads():
    return []


@pytest.fixture
def auth(desk, loads):
    users = {"alice": {"name": "Alice"}, "false": False}

    def load_user(identity):
        loads.append(identity.username)
        if identity.username == "broken":
            raise LookupError("the database of the application is away")
        return users.get(identity.username)

    app = flask.Flask("with users")
    auth = Watchword(app, desk, load_user=load_user)
    app.add_url_rule("/me", view_func=auth.protect(lambda: {"user": [auth.user, auth.user]}), endpoint="me")
    app.add_url_rule("/blind", view_func=auth.protect(lambda: "not read"), endpoint="blind")
    app.add_url_rule(
        "/maybe", view_func=auth.protect(optional=True)(lambda: {"user": auth.user}), endpoint="maybe"
    )
    app.add_url_rule("/open", view_func=lambda: {"user": auth.user}, endpoint="open")
    return auth


@pytest.fixture
def client(auth):
    (app,) = auth._installed
    return app.test_client()


def bearer(auth, username):
    return {"Authorization": f"Bearer {auth.core.start('7', username=username).access_token}"}


def test_a_user_is_loaded_once_a_request_and_only_if_a_view_reads_it(auth, client, loads):
    assert client.get("/blind", headers=bearer(auth, "alice")).text == "not read"
    assert loads == []
    for _ in range(2):
        answer = client.get("/me", headers=bearer(auth, "alice"))
        assert answer.get_json() == {"user": [{"name": "Alice"}] * 2}
    assert loads == ["alice", "alice"]


def test_a_user_may_be_false(auth, client):
    assert client.get("/me", headers=bearer(auth, "false")).get_json() == {"user": [False, False]}


@pytest.mark.parametrize("path", ["/maybe", "/open"])
def test_without_an_identity_there_is_no_user(client, loads, path):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert loads == []


def test_a_subject_without_a_user_is_refused(auth, client):
    answer = client.get("/me", headers=bearer(auth, "mallory"))
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert "no user" in answer.headers["WWW-Authenticate"]


def test_a_failure_of_the_application_is_not_a_refusal(auth, client):
    assert client.get("/me", headers=bearer(auth, "broken")).status_code == 500


def test_without_load_user_the_message_names_it(extension, app, bearer):
    with app.test_request_context(headers=bearer):
        extension.protect(lambda: None)()
        with pytest.raises(InvalidSettings, match="give load_user= to the extension"):
            _ = extension.user


def test_each_extension_has_users_of_its_own(desk, bearer):
    app = flask.Flask("with users")
    one, two = (Watchword(auth=desk, load_user=lambda _, name=name: name) for name in ("one", "two"))
    one.init_app(app)
    two.init_app(flask.Flask("another"))
    with app.test_request_context(headers=bearer):
        one.protect(lambda: None)()
        assert one.user == "one"
        with pytest.raises(Refused):
            _ = two.user


async def load_user_async(identity):
    return identity.username


@pytest.mark.parametrize(
    ("load_user", "told"),
    [
        (load_user_async, r"plain function here, not a coroutine function \(async def\)"),
        ("User", "load_user"),
    ],
)
def test_what_is_not_a_plain_function_is_refused_at_the_start(load_user, told):
    app = flask.Flask("refused")
    app.config["WATCHWORD_DATABASE_URL"] = "sqlite://"
    with pytest.raises(InvalidSettings, match=told):
        Watchword(app, load_user=load_user)
