"""``protect_all`` guards all views, ``public`` marks exceptions, and ``check`` checks inside a view."""

from __future__ import annotations

import asyncio
from functools import wraps

import flask
import flask_restx
import pytest
from flask.views import MethodView

from watchword import Auth, Settings
from watchword.errors import InvalidSettings
from watchword.web import current_identity
from watchword.web.flask import Watchword


def decorate(view):
    """Any other decorator."""

    @wraps(view)
    def decorated(*args, **kwargs):
        return view(*args, **kwargs)

    return decorated


@pytest.fixture
def auth(desk, tmp_path):
    (tmp_path / "style.css").write_text("body {}")
    app = flask.Flask("guarded", static_folder=tmp_path)
    auth = Watchword(app, desk)
    auth.protect_all(app)
    app.add_url_rule("/plain", "plain", lambda: auth.identity.username, methods=["GET", "POST"])
    return auth


@pytest.fixture
def app(auth):
    (app,) = auth._installed
    return app


@pytest.fixture
def bearer(desk):
    """Without a login, which would be the application's first request."""
    return {"Authorization": f"Bearer {desk.start('7', ['read', 'write'], username='alice').access_token}"}


def status_of(client, path, **options):
    with client.get(path, **options) as answer:  # An answer from a static folder is an open file.
        return answer.status_code


# -- what is guarded ----------------------------------------------------------------------------------


def test_a_view_without_a_mark_needs_a_token_and_knows_its_caller(client, bearer):
    answer = client.get("/plain")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.get_json()["error"] == "missing_token"
    assert client.get("/plain", headers={"Authorization": "Bearer a.b.c"}).status_code == 401
    assert client.get("/plain", headers=bearer).text == "alice"
    assert client.post("/plain", headers=bearer).text == "alice"


@pytest.mark.parametrize("path", ["/blue/things", "/blue/inner/things", "/class", "/async", "/late"])
def test_views_of_every_kind_are_guarded(app, auth, bearer, path):
    blue = flask.Blueprint("blue", "blue", url_prefix="/blue")
    inner = flask.Blueprint("inner", "inner", url_prefix="/inner")
    for blueprint in (blue, inner):
        blueprint.add_url_rule("/things", "things", lambda: "open")
    blue.register_blueprint(inner)
    app.register_blueprint(blue)

    class Things(MethodView):
        def get(self):
            return "open"

    async def wait():
        await asyncio.sleep(0)
        return "open"

    app.add_url_rule("/class", view_func=Things.as_view("things"))
    app.add_url_rule("/async", view_func=wait)
    app.add_url_rule("/late", "late", decorate(lambda: "open"))
    assert status_of(app.test_client(), path) == 401
    assert app.test_client().get(path, headers=bearer).text == "open"


def test_a_view_s_own_guard_asks_for_more(app, auth, client, bearer):
    app.add_url_rule("/admin", view_func=auth.protect(scopes="admin")(lambda: "open"), endpoint="admin")
    assert status_of(client, "/admin") == 401
    assert status_of(client, "/admin", headers=bearer) == 403


def test_an_unknown_path_is_unknown_and_a_wrong_method_is_wrong(app, client):
    app.add_url_rule("/slash/", "slash", lambda: "open")
    assert status_of(client, "/nowhere") == 404
    assert client.delete("/plain").status_code == 405
    assert client.get("/slash").status_code == 308


def test_preflights_endpoints_and_static_files_are_not_guarded(app, auth, client, bearer, tmp_path):
    blue = flask.Blueprint("blue", "blue", url_prefix="/blue", static_folder=tmp_path)
    app.register_blueprint(blue)
    Watchword(app, settings=Settings(database_url="sqlite://", prefix="/staff/auth"))
    answer = client.options("/plain")
    assert (answer.status_code, answer.data, set(answer.allow)) == (
        200,
        b"",
        {"GET", "HEAD", "OPTIONS", "POST"},
    )
    assert status_of(client, "/.well-known/jwks.json") == 200
    assert client.post("/auth/login", json={}).get_json()["error"] == "invalid_request"
    assert client.post("/staff/auth/login", json={}).get_json()["error"] == "invalid_request"
    for path in (f"/{tmp_path.name}/style.css", f"/blue/{tmp_path.name}/style.css"):
        assert status_of(client, path) == 200
    assert client.get(f"/{tmp_path.name}/missing").status_code == 404


@pytest.mark.parametrize("endpoint", ["static", "x.static"])
def test_a_view_that_is_only_called_static_is_guarded(desk, endpoint):
    app = flask.Flask("guarded", static_folder=None)
    Watchword(app, desk).protect_all(app)
    parent = app if endpoint == "static" else flask.Blueprint("x", "x")
    parent.add_url_rule("/secret", "static", lambda: "secret")
    if parent is not app:
        app.register_blueprint(parent)
    assert status_of(app.test_client(), "/secret") == 401


def test_a_blueprint_is_guarded_and_the_rest_is_not(desk, bearer):
    app, admin, inner = flask.Flask("guarded"), flask.Blueprint("admin", "x"), flask.Blueprint("inner", "x")
    auth = Watchword(app, desk)
    auth.protect_all(admin, scopes=["write"])
    admin.add_url_rule("/admin", "root", lambda: auth.identity.username)
    admin.add_url_rule("/admin/public", "public", auth.public(lambda: "open"))
    inner.add_url_rule("/admin/inner", "inner", lambda: auth.identity.username)
    admin.register_blueprint(inner)
    app.register_blueprint(admin)
    app.add_url_rule("/", "root", lambda: "open")
    client = app.test_client()
    reader = {"Authorization": f"Bearer {desk.start('7', ['read']).access_token}"}
    for path in ("/admin", "/admin/inner"):
        assert status_of(client, path) == 401
        assert status_of(client, path, headers=reader) == 403
        assert client.get(path, headers=bearer).text == "alice"
    assert client.get("/").text == client.get("/admin/public").text == "open"


def test_the_guards_of_an_application_and_of_its_blueprint_add_up(app, auth, client, bearer):
    admin = flask.Blueprint("admin", "x")
    auth.protect_all(admin, fresh=300, any_scopes=["admin", "root"])
    admin.add_url_rule("/admin", "root", lambda: "open")
    app.register_blueprint(admin)
    assert status_of(client, "/admin") == 401
    assert status_of(client, "/admin", headers=bearer) == 403


# -- what is public -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["above", "below", "parentheses", "decorated"])
def test_the_mark_stands_above_or_below_the_route(app, auth, client, bearer, order):
    mark = auth.public() if order == "parentheses" else auth.public
    view = lambda: f"open, {current_identity()}"  # noqa: E731 - has to be new
    if order == "above":
        mark(app.get("/open")(view))
    elif order == "decorated":
        app.get("/open")(decorate(mark(view)))
    else:
        app.get("/open")(mark(view))
    assert client.get("/open").text == "open, None"
    assert client.get("/open", headers={"Authorization": "Bearer a.b.c"}).status_code == 200
    assert client.get("/open", headers=bearer).text == "open, None"
    assert status_of(client, "/plain") == 401


def test_an_optional_view_opens_and_knows_its_caller(app, auth, client, bearer):
    def greet():
        return auth.identity.username if auth.is_authenticated else "stranger"

    app.add_url_rule("/greet", view_func=decorate(auth.protect(optional=True)(greet)))
    assert client.get("/greet").text == "stranger"
    assert client.get("/greet", headers=bearer).text == "alice"
    assert status_of(client, "/greet", headers={"Authorization": "Bearer a.b.c"}) == 401


def test_a_blueprint_is_public_with_its_children_but_not_inside_a_nearer_guard(app, auth, client):
    site, child, admin = (flask.Blueprint(name, "x", url_prefix=f"/{name}") for name in "scx")
    auth.public(site)
    auth.protect_all(admin)
    for blueprint in (site, child, admin):
        blueprint.add_url_rule("/", "root", lambda: "open")
    site.register_blueprint(child)
    site.register_blueprint(admin)
    app.register_blueprint(site)
    assert client.get("/s/").text == client.get("/s/c/").text == "open"
    assert status_of(client, "/s/x/") == 401


def test_a_class_a_method_and_the_decorators_of_a_class_can_be_public(app, auth, client):
    @auth.public
    class Whole(MethodView):
        def get(self):
            return "open"

        post = get

    class Part(MethodView):
        @auth.public
        def get(self):
            return "open"

        def post(self):
            return "secret"

    class Decorated(MethodView):
        decorators = (auth.public,)

        def get(self):
            return "open"

    class Child(Whole):
        pass

    for view in (Whole, Part, Decorated, Child):
        app.add_url_rule(f"/{view.__name__}", view_func=view.as_view(view.__name__))
    for view in (Whole, Part, Decorated):
        assert client.get(f"/{view.__name__}").text == "open"
        assert client.head(f"/{view.__name__}").status_code == 200
    assert client.post("/Whole").text == "open"
    assert client.post("/Part").status_code == client.get("/Child").status_code == 401


def test_views_of_another_extension_are_guarded_until_they_are_marked(app, auth, client, bearer):
    api = flask_restx.Api(app, doc="/doc")

    @api.route("/things")
    class Things(flask_restx.Resource):
        def get(self):
            return {"caller": auth.identity.username}

    @api.route("/news")
    @auth.public
    class News(flask_restx.Resource):
        def get(self):
            return "open"

    answer = client.get("/things")
    assert (answer.status_code, answer.get_json()["error"]) == (401, "missing_token")
    assert client.get("/things", headers=bearer).get_json() == {"caller": "alice"}
    assert client.get("/news").get_json() == "open"
    assert [status_of(client, path) for path in ("/doc", "/swagger.json", "/swaggerui/droid-sans.css")] == [
        401, 401, 200,
    ]  # fmt: skip
    for endpoint in ("doc", "specs"):
        auth.public(app.view_functions[endpoint])
    assert [status_of(client, path) for path in ("/doc", "/swagger.json")] == [200, 200]


# -- two extensions -----------------------------------------------------------------------------------


def test_the_guard_of_another_extension_stands_in_for_the_default_guard(app, auth, client, bearer):
    staff = Watchword(app, other := Auth("sqlite://", settings=Settings(prefix="/staff", audience="staff")))
    area = flask.Blueprint("area", "area")
    staff.protect_all(area)
    area.add_url_rule("/area", "area", lambda: staff.identity.subject)
    app.register_blueprint(area)
    app.add_url_rule("/single", view_func=staff.protect(lambda: staff.identity.subject), endpoint="single")
    employee = {"Authorization": f"Bearer {other.start('5').access_token}"}
    for path in ("/area", "/single"):
        assert client.get(path, headers=employee).text == "5"
        assert status_of(client, path, headers=bearer) == 401
        assert status_of(client, path) == 401
    with pytest.raises(InvalidSettings, match="another extension guards all of 'guarded'"):
        staff.protect_all(app)
    other.close()


# -- mistakes -----------------------------------------------------------------------------------------


def test_a_view_is_public_or_guarded_and_not_both(auth):
    for first, second in ((auth.public, auth.protect), (auth.protect, auth.public)):
        with pytest.raises(InvalidSettings, match=r"has @auth\.public and @auth\.protect"):
            second(decorate(first(lambda: "open")))


def test_a_blueprint_is_public_or_guarded_and_not_both(auth):
    one, two = (flask.Blueprint(name, "x") for name in ("one", "two"))
    auth.public(one)
    with pytest.raises(InvalidSettings, match="'one' cannot be guarded: it is public"):
        auth.protect_all(one)
    auth.protect_all(two)
    with pytest.raises(InvalidSettings, match="'two' cannot be public: it is guarded"):
        auth.public(two)


@pytest.mark.parametrize("target", ["plain", 5, flask.Flask("app")])
def test_only_views_and_blueprints_can_be_public(auth, target):
    with pytest.raises(InvalidSettings, match=r"public\(\) marks views, classes of views and blueprints"):
        auth.public(target)


def test_only_an_application_and_a_blueprint_can_be_guarded(auth):
    with pytest.raises(InvalidSettings, match="guards an application or a blueprint, not function"):
        auth.protect_all(decorate)
    with pytest.raises(InvalidSettings, match=r"call auth.init_app\(app\) first"):
        auth.protect_all(flask.Flask("other"))
    with pytest.raises(InvalidSettings, match="any_scopes must name at least one scope"):
        auth.protect_all(flask.Blueprint("x", "x"), any_scopes=[])


@pytest.mark.parametrize(
    "mistake", [lambda auth: auth.check, lambda auth: auth.protect, lambda auth: auth.protect(scopes="a")]
)
def test_a_part_of_the_guard_is_not_a_hook(desk, mistake):
    app, blue = flask.Flask("mistaken"), flask.Blueprint("blue", "blue")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    auth = Watchword(app, desk)
    blue.before_request(mistake(auth))
    blue.add_url_rule("/", "root", lambda: "secret")
    app.register_blueprint(blue)
    for _ in range(2):
        with pytest.raises(InvalidSettings, match=r"auth.protect_all\(blueprint\)"):
            app.test_client().get("/")


# -- check --------------------------------------------------------------------------------------------


@pytest.fixture
def checking(desk):
    app = flask.Flask("checking")
    auth = Watchword(app, desk)

    @app.route("/things/<owner>", methods=["GET", "OPTIONS"])
    def things(owner):
        identity = auth.check(scopes=["read"] if owner == "alice" else ["admin"])
        return {"check": identity.username, "identity": auth.identity.username}

    @app.get("/maybe")
    def maybe():
        identity = auth.check(optional=True)
        return "stranger" if identity is None else identity.username

    @app.get("/strict")
    async def strict():
        return auth.check(any_scopes=["admin", "read"], fresh=300).username

    return app.test_client()


def test_a_check_in_a_view_returns_the_identity_or_refuses(checking, bearer):
    assert checking.get("/things/alice").status_code == 401
    assert checking.get("/things/alice", headers=bearer).get_json() == {"check": "alice", "identity": "alice"}
    answer = checking.get("/things/bob", headers=bearer)
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert checking.get("/maybe").text == "stranger"
    assert checking.get("/maybe", headers=bearer).text == "alice"
    assert status_of(checking, "/maybe", headers={"Authorization": "Bearer a.b.c"}) == 401
    assert checking.get("/strict", headers=bearer).text == "alice"


def test_a_check_answers_a_preflight_and_the_view_ends_there(checking):
    answer = checking.options("/things/alice")
    assert (answer.status_code, answer.data, set(answer.allow)) == (200, b"", {"GET", "HEAD", "OPTIONS"})


@pytest.mark.parametrize("restx", [False, True])
def test_a_check_before_the_requests_of_a_blueprint_guards_it(desk, bearer, restx):
    app, blue = flask.Flask("checking"), flask.Blueprint("blue", "blue")
    auth = Watchword(app, desk)

    @blue.before_request
    def check():
        auth.check(scopes="read" if flask.request.method == "GET" else "admin")

    if restx:

        @flask_restx.Api(blue).route("/things")
        class Things(flask_restx.Resource):
            def get(self):
                return {"caller": auth.identity.username}

            post = get
    else:
        blue.add_url_rule(
            "/things", "things", lambda: {"caller": auth.identity.username}, methods=["GET", "POST"]
        )
    app.register_blueprint(blue)
    client = app.test_client()
    assert client.options("/things").status_code == 200
    assert client.get("/things").status_code == 401
    assert client.get("/things", headers=bearer).get_json() == {"caller": "alice"}
    assert client.post("/things", headers=bearer).status_code == 403


def test_a_mistake_in_a_check_is_an_error_of_the_application(desk):
    app = flask.Flask("checking")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    auth = Watchword(app, desk)
    app.add_url_rule("/", "root", lambda: auth.check(scopes=5))
    with pytest.raises(InvalidSettings, match="scopes must be names"):
        app.test_client().get("/")
