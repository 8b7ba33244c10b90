from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from datetime import timedelta

import flask
import msgspec
import pytest
from werkzeug.exceptions import Forbidden, Unauthorized

from watchword import Auth, Issuer, Key, MultiIssuer, Subject, Verifier
from watchword.errors import InvalidSettings, InvalidToken, MissingToken
from watchword.events import LoginSucceeded
from watchword.web.flask import Refused, Watchword

ISSUER = "https://idp.example"
KEY = Key.generate("HS256")
PASSWORD = "correct horse battery"  # of the room's account


def own_users(username, password):
    return Subject(username, username, ("read",)) if password == "right" else None


def configured(**config):
    """An application on a database of its own in memory."""
    app = flask.Flask("tested")
    app.config.update({"WATCHWORD_DATABASE_URL": "sqlite://"} | config)
    return app


def close(app):
    app.extensions["watchword"].close()


@pytest.fixture
def auth(app, extension):
    """The extension of the room's application, with the views that these tests protect."""
    views = {
        "read": {"scopes": ["read"]},
        "as-text": {"scopes": "read"},
        "admin": {"scopes": ("write", "admin")},
        "fresh": {"fresh": timedelta(minutes=5)},
        "optional": {"optional": True},
    }
    for name, options in views.items():

        def view():
            name = extension.identity.username if extension.is_authenticated else "stranger"
            return {"hello": name}

        app.add_url_rule(f"/{name}", name, extension.protect(**options)(view))
    app.add_url_rule("/bare", "bare", extension.protect(lambda: {"hello": "bare"}))
    app.add_url_rule("/open", "open", lambda: {"hello": extension.identity.username})
    app.add_url_rule("/items/<int:item>", "item", extension.protect()(lambda item: {"item": item}))
    return extension


# -- protect ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("auth")
def test_a_view_gets_its_own_arguments(client, bearer):
    assert client.get("/items/5", headers=bearer).get_json() == {"item": 5}
    assert client.get("/items/5").status_code == 401


@pytest.mark.usefixtures("auth")
@pytest.mark.parametrize("path", ["/read", "/as-text"])
def test_the_scopes_that_are_granted_open_a_view(client, bearer, path):
    assert client.get(path, headers=bearer).get_json() == {"hello": "alice"}


@pytest.mark.usefixtures("auth")
def test_every_scope_is_needed_and_the_challenge_names_them(client, bearer):
    answer = client.get("/admin", headers=bearer)
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="admin write"'


@pytest.mark.usefixtures("auth")
def test_a_fresh_login_is_asked_for_and_a_refresh_is_none(client, desk, tokens, bearer):
    assert client.get("/fresh", headers=bearer).status_code == 200
    desk.wait(290)
    assert client.get("/fresh", headers=bearer).status_code == 200
    desk.wait(11)
    renewed = client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).get_json()
    for token in (tokens["access_token"], renewed["access_token"]):
        answer = client.get("/fresh", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.get_json()["error"]) == (401, "insufficient_user_authentication")
        assert answer.headers["WWW-Authenticate"].startswith(
            'Bearer error="insufficient_user_authentication"'
        )


@pytest.mark.usefixtures("auth")
@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}])
def test_an_optional_view_greets_a_stranger(client, headers):
    assert client.get("/optional", headers=headers).get_json() == {"hello": "stranger"}


@pytest.mark.usefixtures("auth")
@pytest.mark.parametrize(("token", "status"), [("a.b.c", 401), ("", 400), ("a,b", 400)])
def test_an_optional_view_knows_its_caller_and_refuses_a_bad_token(client, bearer, token, status):
    assert client.get("/optional", headers=bearer).get_json() == {"hello": "alice"}
    assert client.get("/optional", headers={"Authorization": f"Bearer {token}"}).status_code == status


@pytest.mark.usefixtures("auth")
def test_a_view_without_protection_has_no_identity(client, bearer):
    answer = client.get("/open", headers=bearer)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_the_identity_of_one_request_is_gone_in_the_next(app, auth, bearer):
    guarded = auth.protect()(lambda: auth.identity.subject)
    with app.test_request_context(headers=bearer):
        guarded()
        assert auth.is_authenticated
    with app.test_request_context():
        assert not auth.is_authenticated
        with pytest.raises(Unauthorized, match="bearer token") as caught:
            _ = auth.identity
    assert isinstance(caught.value, Refused)
    assert isinstance(caught.value.error, MissingToken)


def test_a_refused_view_is_not_called_and_leaves_no_identity(app, auth, bearer):
    called = []
    guarded = auth.protect(scopes=["admin"])(lambda: called.append(True))
    with app.test_request_context(headers=bearer):
        with pytest.raises(Exception, match="scope"):
            guarded()
        assert not auth.is_authenticated
    assert called == []


def test_an_async_view_is_protected_and_stays_async(app, auth, bearer):
    @auth.protect(scopes=["read"])
    async def view(item):
        return item, auth.identity.username

    assert asyncio.iscoroutinefunction(view)
    with app.test_request_context(headers=bearer):
        assert asyncio.run(view(item=5)) == (5, "alice")
    with app.test_request_context(), pytest.raises(Unauthorized):
        asyncio.run(view(item=5))


def test_protect_keeps_the_name_of_the_view(auth):
    @auth.protect()
    def view():
        """What it does."""

    assert (view.__name__, view.__doc__) == ("view", "What it does.")


@pytest.mark.usefixtures("auth")
def test_protect_works_without_parentheses(client, bearer):
    assert client.get("/bare").status_code == 401
    assert client.get("/bare", headers=bearer).get_json() == {"hello": "bare"}


def test_scopes_in_one_text_are_several(app, auth, bearer):
    guarded = auth.protect(scopes="read admin")(lambda: "never")
    with app.test_request_context(headers=bearer), pytest.raises(Forbidden) as caught:
        guarded()
    assert caught.value.error.scopes == ("admin", "read")


@pytest.mark.parametrize("fresh", [300, 300.0, timedelta(minutes=5)])
def test_fresh_is_seconds_or_a_timedelta(app, desk, auth, bearer, fresh):
    guarded = auth.protect(fresh=fresh)(lambda: "let through")
    with app.test_request_context(headers=bearer):
        assert guarded() == "let through"
        desk.wait(301)
        with pytest.raises(Unauthorized, match="recent login"):
            guarded()


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        (("read",), {}, "guards functions, not str"),
        ((), {"fresh": "5 minutes"}, "fresh must be seconds or a timedelta, not str"),
        ((), {"fresh": -1}, "fresh must be zero or more seconds"),
        ((), {"scopes": 5}, "scopes must be names such as .*, not 5"),
        ((), {"scopes": ["read write"]}, "scopes must be names .*, not 'read write'"),
        ((), {"scopes": ['"']}, "without space, quote and backslash"),
        ((), {"scopes": [1]}, "scopes must be names .*, not 1"),
        ((), {"optional": "no"}, "optional must be True or False, not str"),
    ],
)
def test_a_mistake_in_protect_is_told_where_it_is_made(auth, arguments, options, told):
    with pytest.raises(InvalidSettings, match=told):
        auth.protect(*arguments, **options)


# -- OPTIONS -----------------------------------------------------------------------------------------


def test_a_preflight_needs_no_token_and_the_view_is_not_called(app, auth, client):
    called = []

    @app.route("/both", methods=["GET", "OPTIONS"])
    @auth.protect()
    def both():
        called.append(True)
        return "secret"

    guarded = flask.Blueprint("guarded", "guarded", url_prefix="/guarded")
    guarded.before_request(auth.protect()(lambda: None))
    guarded.add_url_rule("/things", "things", lambda: called.append(True) or "secret")
    app.register_blueprint(guarded)
    for path in ("/both", "/guarded/things", "/protected", "/auth/me"):
        answer = client.options(path)
        assert (answer.status_code, answer.data) == (200, b"")
        assert "GET" in answer.headers["Allow"]
        assert client.get(path).status_code == 401
    assert called == []


def test_a_guard_for_the_whole_application_leaves_an_unknown_path_unknown(app, auth, client):
    called = []
    app.add_url_rule("/post", "post", lambda: "", methods=["POST"], provide_automatic_options=False)
    for optional in (True, False):
        app.before_request(auth.protect(optional=optional)(lambda: called.append(flask.request.path)))
    assert client.options("/nowhere").status_code == 404
    assert client.options("/post").status_code == 405
    assert called == []


# -- tokens that are bound to a key ---------------------------------------------------------------------


@pytest.mark.parametrize("claim", [{"jkt": "x"}, {"x5t#S256": "x"}, None])
def test_a_bound_token_is_no_bearer_token(claim):
    app, _ = guarding()
    answer = app.test_client().get("/claims", headers=issued(cnf=claim))
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert "bound to a key" in answer.headers["WWW-Authenticate"]


def test_a_bound_token_of_ours_opens_neither_view_nor_endpoint():
    app = configured()
    auth = Watchword(app, check_password=own_users, subject_claims=lambda _: {"cnf": {"jkt": "x"}})
    app.add_url_rule("/", "root", auth.protect()(lambda: "never"))
    headers = {"Authorization": f"Bearer {auth.desk.start('alice').access_token}"}
    for path in ("/", "/auth/me", "/auth/sessions"):
        assert app.test_client().get(path, headers=headers).status_code == 401
    auth.close()


def test_outside_of_a_request_there_is_no_identity(auth):
    with pytest.raises(RuntimeError, match="request context"):
        _ = auth.identity


# -- settings and applications -----------------------------------------------------------------------


def test_an_application_s_config_makes_the_desk():
    events = []
    app = configured(
        WATCHWORD_ISSUER="https://api.example", WATCHWORD_PREFIX="/users", WATCHWORD_ACCESS_LIFETIME="60"
    )
    auth = Watchword(app, check_password=own_users, listeners=[events.append], keys=KEY)
    answer = app.test_client().post("/users/login", json={"username": "alice", "password": "right"})
    assert answer.get_json()["expires_in"] == 60
    assert any(isinstance(event, LoginSucceeded) for event in events)
    with app.app_context():
        assert isinstance(auth.desk, Auth)
        assert auth.desk.settings.issuer == "https://api.example"
        claims = auth.desk.authenticate(answer.get_json()["access_token"]).claims
    assert claims["iss"] == "https://api.example"
    assert app.test_client().post("/auth/login").status_code == 404
    close(app)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WATCHWORD_ISUER", "x"), ("WATCHWORD_ACCESS_LIFETIME", "soon"), ("WATCHWORD_PREFIX", "/<path>"),
     ("WATCHWORD_DATABASE_URL", "mongodb://x"), ("WATCHWORD_SESSIONS_URL", "mongodb://x"),
     ("WATCHWORD_REVOCATION_PUSH", True)],
)  # fmt: skip
def test_an_unusable_setting_is_an_error_at_the_start(name, value):
    with pytest.raises(InvalidSettings, match=f"(?i){name.removeprefix('WATCHWORD_')}"):
        Watchword(configured(**{name: value}))


@pytest.mark.parametrize(
    "store",
    [
        {"WATCHWORD_DATABASE_URL": "postgresql://user:hidden@db.example/app"},
        {"WATCHWORD_SESSIONS_URL": "redis://cache.example"},
    ],
)
def test_a_store_on_a_server_is_not_connected_to_at_the_start_but_its_secret_is_asked_for(store):
    with pytest.raises(InvalidSettings, match="WATCHWORD_SECRET"):
        Watchword(configured(**store))
    Watchword(configured(**store, WATCHWORD_SECRET="s" * 32))


def test_options_beside_a_desk_that_is_given_are_an_error_and_not_ignored(desk):
    with pytest.raises(TypeError, match="subject_claims"):
        Watchword(configured(), desk, subject_claims=dict)


def test_one_extension_serves_two_applications_that_do_not_share_anything():
    auth = Watchword(check_password=own_users)
    apps = [configured(WATCHWORD_ISSUER=f"https://{name}.example") for name in ("one", "two")]
    for app in apps:
        auth.init_app(app)
        app.add_url_rule("/", "root", auth.protect()(lambda: {"hello": auth.identity.username}))
    one, two = (app.test_client() for app in apps)
    token = one.post("/auth/login", json={"username": "alice", "password": "right"}).get_json()[
        "access_token"
    ]
    headers = {"Authorization": f"Bearer {token}"}
    assert one.get("/", headers=headers).get_json() == {"hello": "alice"}
    assert two.get("/", headers=headers).status_code == 401
    desks = []
    for app in apps:
        with app.app_context():
            desks.append(auth.desk)
        close(app)
    assert desks[0] is not desks[1]


@pytest.mark.parametrize("length_is_known", [True, False])
@pytest.mark.parametrize(("surplus", "status"), [(0, 200), (1, 413), (20_000, 413)])
def test_a_body_is_bounded_exactly_whether_its_length_is_announced_or_not(
    client, length_is_known, surplus, status
):
    body = json.dumps({"username": "alice", "password": PASSWORD}).encode().ljust(16_384 + surplus)
    options = {"data": body} if length_is_known else {"input_stream": io.BytesIO(body)}
    answer = client.post(
        "/auth/login",
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
        **options,
    )
    assert answer.status_code == status


# -- somebody else's tokens --------------------------------------------------------------------------


def guarding(scope_claim="scope", kind=lambda verifier: verifier, **config):
    """An API that verifies somebody else's tokens."""
    app = flask.Flask("verifying")
    app.config.update({"WATCHWORD_SCOPE_CLAIM": scope_claim} | config)
    auth = Watchword(app, kind(Verifier(KEY, issuer=ISSUER, audience="api")))

    @app.get("/read")
    @auth.protect(scopes=["read"])
    def read():
        return {"subject": auth.identity.subject, "session": auth.identity.session_id}

    @app.get("/fresh")
    @auth.protect(fresh=timedelta(minutes=5))
    def fresh():
        return {"at": auth.identity.authenticated_at}

    @app.get("/claims")
    @auth.protect()
    def claims():
        return auth.identity.claims

    return app, auth


def issued(**claims):
    token = Issuer(ISSUER, KEY, audience="api").issue("7", claims)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("scope_claim", "value"),
    [("scope", "read write"), ("scp", ["read"]), ("scp", "read"), ("permissions", ["write", "read"])],
)
def test_a_bare_verifier_reads_scopes_from_the_claim_that_is_set(scope_claim, value):
    app, _ = guarding(scope_claim)
    answer = app.test_client().get("/read", headers=issued(**{scope_claim: value}))
    assert answer.get_json() == {"subject": "7", "session": None}
    assert app.test_client().get("/read", headers=issued(other=value)).status_code == 403


def test_several_issuers_guard_as_one_does():
    client = guarding(kind=lambda verifier: MultiIssuer([verifier]))[0].test_client()
    assert client.get("/read", headers=issued(scope="read")).get_json() == {"subject": "7", "session": None}
    foreign = Issuer("https://evil.example", KEY, audience="api").issue("7", {"scope": "read"})
    assert client.get("/read", headers={"Authorization": f"Bearer {foreign}"}).status_code == 401


def test_a_bare_verifier_brings_no_endpoints_and_no_front_desk():
    app, auth = guarding()
    assert app.test_client().post("/auth/login").status_code == 404
    with app.app_context(), pytest.raises(TypeError, match="was given a Verifier"):
        _ = auth.desk


@pytest.mark.parametrize("kind", [lambda verifier: verifier, lambda verifier: MultiIssuer([verifier])])
def test_a_bare_verifier_needs_auth_time_where_a_view_must_be_fresh(kind):
    app, _ = guarding(kind=kind)
    client, now = app.test_client(), int(time.time())
    assert client.get("/fresh", headers=issued(auth_time=now)).get_json() == {"at": now}
    for claims in ({}, {"auth_time": now - 301}):
        answer = client.get("/fresh", headers=issued(**claims))
        assert answer.get_json()["error"] == "insufficient_user_authentication"
    for odd in (10**400, "now", True):
        answer = client.get("/fresh", headers=issued(auth_time=odd))
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


def test_a_bare_verifiers_identity_has_every_claim_also_of_an_encrypted_token():
    sealing = Key.generate("A256KW")
    verifier = Verifier(KEY, issuer=ISSUER, audience="api", decrypt_with=sealing)
    app, _ = guarding(kind=lambda _: verifier)
    issuer = Issuer(ISSUER, KEY, audience="api", encrypt_to=sealing)
    token = issuer.issue("7", {"tenant": "acme", "large": 10**300})
    seen = app.test_client().get("/claims", headers={"Authorization": f"Bearer {token}"}).get_data()
    assert msgspec.json.decode(seen) == verifier.verify(token)
    assert msgspec.json.decode(seen)["large"] == 10**300


def test_a_token_of_the_wrong_form_is_refused_by_a_bare_verifier():
    app, _ = guarding()
    for claims in ({"scope": 5}, {"scope": [5]}, {"sid": 5}):
        answer = app.test_client().get("/read", headers=issued(**claims))
        assert (answer.status_code, answer.get_json()["error"]) == (401, InvalidToken.code)


# -- without the extra -------------------------------------------------------------------------------


def test_without_flask_the_line_that_installs_it_is_named():
    script = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "flask":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Blocked())
try:
    import watchword.web.flask
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'watchword[flask]'" in done.stdout


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        ({}, 1),
        ({"WATCHWORD_ISSUER": "https://login.example"}, 0),
        ({"WATCHWORD_ISSUER": "http://localhost:8000"}, 0),
    ],
)
def test_an_application_without_an_issuer_is_told_so_in_the_log(caplog, given, warnings):
    Watchword(configured(**given))

    assert (
        caplog.text.count("WATCHWORD_ISSUER is not set: tokens are issued by http://localhost:8000")
        == warnings
    )
