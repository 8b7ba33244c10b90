"""Applications and extensions: several of either, their settings, when they open, and when they are gone."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import weakref

import flask
import pytest
from flask.cli import routes_command

from watchword import Auth, Issuer, Key, Settings, Subject, Verifier
from watchword.errors import InvalidSettings, PasswordRejected
from watchword.events import AccountCreated
from watchword.sessions import Client
from watchword.web import current_identity
from watchword.web.flask import Watchword

KEY = Key.generate("ES256")
STAFF = Verifier(KEY.public(), issuer="https://staff.example", audience="shop")


def own_users(username, password):
    return Subject(username, username) if password == "right" else None


def configured(**config):
    """An application on a database of its own in memory."""
    app = flask.Flask("configured")
    app.config.update({"WATCHWORD_DATABASE_URL": "sqlite://"} | config)
    return app


def bearer_of(token):
    return {"Authorization": f"Bearer {token}"}


# -- two extensions in one application ----------------------------------------------------------------


@pytest.mark.parametrize("first", ["customers", "staff"])
def test_two_extensions_never_answer_for_each_other(first):
    app = configured()
    if first == "staff":
        staff = Watchword(app, STAFF)
    customers = Watchword(app)
    if first == "customers":
        staff = Watchword(app, STAFF)

    def told():
        return [auth.identity.subject if auth.is_authenticated else None for auth in (customers, staff)]

    app.add_url_rule("/customers", "customers", customers.protect()(told))
    app.add_url_rule("/staff", "staff", staff.protect()(told))
    own = bearer_of(customers.core.start("7").access_token)
    foreign = bearer_of(Issuer("https://staff.example", KEY, audience="shop").issue("8"))
    client = app.test_client()
    assert client.get("/customers", headers=own).get_json() == ["7", None]
    assert client.get("/staff", headers=foreign).get_json() == [None, "8"]
    assert client.get("/customers", headers=foreign).status_code == 401
    assert client.get("/staff", headers=own).status_code == 401
    assert client.get("/auth/me", headers=own).get_json()["subject"] == "7"
    with pytest.raises(TypeError, match="was given a Verifier"):
        _ = staff.core
    customers.close()


def test_two_logins_live_at_different_prefixes_and_the_first_publishes_its_keys():
    app = configured()
    customers = Watchword(app, check_password=own_users)
    staff = Watchword(app, settings=Settings(database_url="sqlite://", prefix="/staff/auth"))
    client = app.test_client()
    answer = client.post("/auth/login", json={"username": "7", "password": "right"})
    assert answer.status_code == 200
    assert client.post("/staff/auth/login", json={"username": "7", "password": "right"}).status_code == 401
    assert (
        client.get("/staff/auth/me", headers=bearer_of(answer.get_json()["access_token"])).status_code == 401
    )
    assert client.get("/.well-known/jwks.json").get_json() == customers.core.jwks() != staff.core.jwks()
    with app.test_request_context():
        assert flask.url_for("watchword.login") == "/auth/login"
        assert flask.url_for("watchword_staff_auth.login") == "/staff/auth/login"
    customers.close()
    staff.close()


def test_two_logins_at_one_prefix_are_refused():
    app = configured()
    Watchword(app)
    with pytest.raises(InvalidSettings, match="prefix must differ"):
        Watchword(app)


def test_two_logins_whose_tokens_would_be_the_same_are_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/app.db"
    app = configured(WATCHWORD_DATABASE_URL=url)
    Watchword(app, check_password=own_users)
    with pytest.raises(InvalidSettings, match=r"audience or database_url must differ .* '/auth'"):
        Watchword(app, settings=Settings(database_url=url, prefix="/staff"))
    Watchword(app, settings=Settings(database_url=url, prefix="/staff", audience="staff"))


def test_an_extension_sets_an_application_up_once():
    app = configured()
    auth = Watchword(app)
    with pytest.raises(InvalidSettings, match="already"):
        auth.init_app(app)


@pytest.mark.parametrize(("prefix", "name"), [("/v1.0", "watchword_v1-0"), ("", "watchword_root")])
def test_the_name_of_the_blueprint_follows_the_prefix(prefix, name):
    app = configured(WATCHWORD_PREFIX=prefix)
    Watchword(app)
    with app.test_request_context():
        assert flask.url_for(f"{name}.me") == f"{prefix}/me"


# -- endpoints -------------------------------------------------------------------------------------------


PATHS = {
    "login": ("POST", "/auth/login"),
    "refresh": ("POST", "/auth/refresh"),
    "logout": ("POST", "/auth/logout"),
    "logout_all": ("POST", "/auth/logout-all"),
    "me": ("GET", "/auth/me"),
    "sessions": ("GET", "/auth/sessions"),
    "end_session": ("DELETE", "/auth/sessions/x"),
    "jwks": ("GET", "/.well-known/jwks.json"),
}


@pytest.mark.parametrize("name", PATHS)
def test_an_endpoint_that_is_switched_off_is_not_there_and_the_others_are(name):
    app = configured()
    auth = Watchword(app, endpoints={name: False, **{other: True for other in PATHS if other != name}})
    client = app.test_client()
    found = {
        other
        for other, (method, path) in PATHS.items()
        if client.open(path, method=method).status_code != 404
    }
    auth.close()
    assert found == PATHS.keys() - {name}


@pytest.mark.parametrize(
    ("auth", "endpoints", "told"),
    [
        (None, {"logn": False}, "'logn' is not the name of an endpoint. Did you mean login"),
        (None, {"x": False}, "There are login, refresh"),
        (None, {"login": "no"}, "login must be True or False, not str"),
        (None, ["login"], "endpoints must be a mapping such as .*, not list"),
        (None, False, "endpoints must be a mapping such as .*, not False"),
        (STAFF, {"login": False}, "a Verifier, which has no endpoints"),
    ],
)
def test_a_switch_that_switches_nothing_is_refused(auth, endpoints, told):
    with pytest.raises(InvalidSettings, match=told):
        Watchword(configured(), auth, endpoints=endpoints)


# -- settings ---------------------------------------------------------------------------------------------


def test_code_counts_before_the_application_and_the_application_before_the_environment(monkeypatch):
    monkeypatch.setenv("WATCHWORD_LEEWAY", "7")
    monkeypatch.setenv("WATCHWORD_ACCESS_LIFETIME", "77")
    monkeypatch.setenv("WATCHWORD_AUDIENCE", "environment")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody-elses")
    app = configured(WATCHWORD_ACCESS_LIFETIME=78, WATCHWORD_AUDIENCE="config")
    auth = Watchword(app, audience="code")
    settings = auth.core.settings
    auth.close()
    assert (settings.leeway, settings.access_lifetime, settings.audience) == (7, 78, "code")
    assert settings.database_url == "sqlite://"
    whole = Watchword(app, settings=Settings(database_url="sqlite://", prefix="/other"))
    assert whole.core.settings.leeway == Settings().leeway
    whole.close()


def test_listeners_of_an_iterator_are_told_after_the_store_was_opened_again():
    app, events = flask.Flask("tested"), []
    app.config["WATCHWORD_DATABASE_URL"] = "sqlite://"
    auth = Watchword(app, listeners=iter([events.append]))
    for _ in range(2):
        auth.open()
        assert events, "the keys were made"
        auth.close()
        events.clear()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"chek_password": own_users}, "chek_password"),
        ({"auth": Auth("sqlite://"), "settings": Settings()}, "settings would have no effect"),
    ],
)
def test_an_argument_that_would_be_ignored_is_an_error(arguments, told):
    with pytest.raises(TypeError, match=told):
        Watchword(**arguments)
    if "auth" in arguments:
        arguments["auth"].close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"app": flask.Blueprint("staff", __name__)}, "app must be the Flask application, not Blueprint"),
        ({"auth": "a secret"}, "auth must be an Auth, a Verifier or a MultiIssuer, not str"),
        ({"settings": {"prefix": "/staff"}}, r"settings must be a Settings, not dict: write Settings\("),
    ],
)
def test_an_argument_of_another_type_is_told(arguments, told):
    with pytest.raises(InvalidSettings, match=told):
        Watchword(**arguments)


def test_settings_of_flask_jwt_extended_that_do_nothing_are_named_once_it_is_gone(caplog, monkeypatch):
    monkeypatch.delitem(sys.modules, "flask_jwt_extended", raising=False)
    Watchword(configured(JWT_SECRET_KEY="hush", JWT_ACCESS_TOKEN_EXPIRES=900))
    (record,) = [record for record in caplog.records if "JWT_" in record.getMessage()]
    assert "JWT_ACCESS_TOKEN_EXPIRES, JWT_SECRET_KEY" in record.getMessage()
    assert (record.levelno, "hush" in caplog.text) == (logging.WARNING, False)
    monkeypatch.setitem(sys.modules, "flask_jwt_extended", None)  # while one moves, both are in use
    caplog.clear()
    Watchword(configured(JWT_SECRET_KEY="hush"))
    assert "JWT_" not in caplog.text


# -- when the store is opened -------------------------------------------------------------------------------


def test_the_store_is_opened_at_the_first_request_and_at_the_path_of_the_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = configured(WATCHWORD_DATABASE_URL="sqlite:///app.db")
    auth = Watchword(app)
    app.add_url_rule("/", "root", auth.protect()(lambda: "never"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert app.test_cli_runner().invoke(routes_command).exit_code == 0
    assert app.test_client().get("/").status_code == 401  # nobody's token needs no store
    assert list(tmp_path.iterdir()) == [tmp_path / "elsewhere"]
    assert app.test_client().get("/auth/me", headers=bearer_of("a.b.c")).status_code == 401
    auth.close()
    assert {path.name for path in tmp_path.glob("instance/app.db*")} >= {"app.db", "app.db.secret"}


def test_a_store_that_is_away_at_the_first_request_is_asked_again_at_the_next(tmp_path):
    app = configured(WATCHWORD_DATABASE_URL=f"sqlite:///{tmp_path}/missing/app.db")
    auth = Watchword(app)
    app.add_url_rule("/", "root", auth.protect()(lambda: "never"))
    client = app.test_client()
    answer = client.get("/", headers=bearer_of("a.b.c"))
    assert (answer.status_code, answer.get_json()["error"]) == (503, "store_unavailable")
    (tmp_path / "missing").mkdir()
    assert client.get("/", headers=bearer_of("a.b.c")).status_code == 401
    auth.close()


def test_settings_that_do_not_fit_the_store_are_a_mistake_in_the_log_at_the_first_request(tmp_path, caplog):
    url = f"sqlite:///{tmp_path}/app.db"
    Auth(url, settings=Settings(secret=("a" * 32,))).close()
    app = configured(WATCHWORD_DATABASE_URL=url, WATCHWORD_SECRET="b" * 32)
    auth = Watchword(app)
    app.add_url_rule("/", "root", auth.protect()(lambda: "never"))
    assert app.test_client().get("/", headers=bearer_of("a.b.c")).status_code == 500
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert isinstance(record.exc_info[1], InvalidSettings)


def test_first_requests_at_once_open_one_store(tmp_path):
    app = configured(WATCHWORD_DATABASE_URL=f"sqlite:///{tmp_path}/app.db")
    auth = Watchword(app)
    start, desks = threading.Barrier(8), []

    def first():
        start.wait()
        desks.append(auth.core)

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    auth.close()
    assert len(desks) == 8
    assert len(set(map(id, desks))) == 1


def test_open_opens_now_and_what_was_closed_opens_anew(tmp_path):
    app = configured(WATCHWORD_DATABASE_URL=f"sqlite:///{tmp_path}/app.db")
    auth = Watchword(app)
    auth.open()
    assert (tmp_path / "app.db").exists()
    before = auth.core
    auth.close()
    auth.close()
    assert auth.core is not before
    auth.close()


def test_a_front_desk_that_was_given_is_left_open():
    desk = Auth("sqlite://")
    app = configured()
    auth = Watchword(app, desk)
    auth.close()
    assert desk.authenticate(desk.start("7").access_token).subject == "7"
    desk.close()


# -- outside of an application -------------------------------------------------------------------------------


def test_where_there_is_one_application_it_need_not_be_named():
    app = configured()
    auth = Watchword(app)
    assert auth.core is auth.desk
    assert auth.core.start("7").access_token
    auth.close()


def test_without_an_application_and_with_several_the_error_says_what_to_do():
    auth = Watchword()
    with pytest.raises(RuntimeError, match="call init_app"):
        _ = auth.core
    apps = [configured(), configured()]
    for app in apps:
        auth.init_app(app)
    with pytest.raises(RuntimeError, match="several applications"):
        _ = auth.core
    with (
        flask.Flask("stranger").app_context(),
        pytest.raises(RuntimeError, match=r"not set up for .*'stranger'"),
    ):
        _ = auth.core
    with apps[0].app_context():
        one = auth.core
    with apps[1].app_context():
        assert auth.core is not one
    auth.close()


def test_an_application_that_is_gone_leaves_nothing_behind(tmp_path):
    auth = Watchword()

    def use(name):
        app = configured(WATCHWORD_DATABASE_URL=f"sqlite:///{tmp_path}/{name}.db")
        auth.init_app(app)
        app.add_url_rule("/", "root", auth.protect()(lambda: auth.identity.subject))
        with app.app_context():
            token = auth.core.start(name).access_token
            desk = weakref.ref(auth.core)
        assert app.test_client().get("/", headers=bearer_of(token)).text == name
        return desk

    kept = configured()
    auth.init_app(kept)
    gone = [use("one"), use("two")]
    gc.collect()
    assert [desk() for desk in gone] == [None, None]
    assert auth.core.settings.database_url == "sqlite://"  # the only application that is left
    auth.close()


# -- what runs --------------------------------------------------------------------------------


def test_a_login_view_of_ones_own_knows_its_client_as_the_built_in_one_does():
    app = configured(WATCHWORD_TRUSTED_PROXIES="10.0.0.0/8", WATCHWORD_ADDRESS_FAILURES=3)
    auth = Watchword(app, check_password=own_users)

    @app.post("/own")
    def own():
        request = flask.request.get_json()
        tokens = auth.core.login(request["username"], request["password"])
        return tokens.body() | {"client": [auth.client().ip_address, auth.client().user_agent]}

    client = app.test_client()
    sent = {
        "headers": {"X-Forwarded-For": "192.0.2.7", "User-Agent": "curl/8"},
        "environ_overrides": {"REMOTE_ADDR": "10.0.0.2"},
    }
    answer = client.post("/own", json={"username": "7", "password": "right"}, **sent)
    assert answer.get_json()["client"] == ["192.0.2.7", "curl/8"]
    (session,) = auth.core.sessions("7")
    assert (session.ip_address, session.user_agent) == ("192.0.2.7", "curl/8")
    statuses = [
        client.post("/own", json={"username": f"u{n}", "password": "wrong"}, **sent).status_code
        for n in range(5)
    ]
    assert statuses.count(429) == 2
    auth.core.start("8", client=Client(ip_address="192.0.2.8"))
    auth.core.start("9")  # outside of a request there is no client
    assert [auth.core.sessions(subject)[0].ip_address for subject in "89"] == ["192.0.2.8", None]
    auth.close()


def test_a_bare_verifier_has_no_clients():
    app = configured()
    auth = Watchword(app, STAFF)
    with app.test_request_context(), pytest.raises(TypeError, match="was given a Verifier"):
        auth.client()


def test_the_identity_of_the_running_request_is_known_everywhere_and_gone_with_it():
    events = []
    app = configured()
    auth = Watchword(app, listeners=[events.append])
    told = []

    @app.get("/add")
    @auth.protect()
    def add():
        told.append(current_identity())
        auth.core.accounts.add("bob", "correct horse battery staple")
        return "done"

    @app.get("/open")
    def unguarded():
        told.append(current_identity())
        return "done"

    headers = bearer_of(auth.core.start("admin").access_token)
    for path in ("/add", "/open"):
        assert app.test_client().get(path, headers=headers).text == "done"
    auth.close()
    assert [identity and identity.subject for identity in told] == ["admin", None]
    assert [event.actor for event in events if isinstance(event, AccountCreated)] == ["admin"]
    assert current_identity() is None


def test_a_short_password_in_a_view_of_ones_own_is_an_answer_with_its_reason():
    app = configured()
    auth = Watchword(app)
    app.add_url_rule("/sign-up", view_func=lambda: auth.core.accounts.add("bob", "short"))
    answer = app.test_client().get("/sign-up")
    auth.close()
    assert (answer.status_code, answer.get_json()["error"]) == (422, PasswordRejected.code)
