"""The dependencies: what they return, what they refuse, and where they are used."""

import re
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.testclient import TestClient

from watchword import Identity, Issuer, Key, MultiIssuer, Verifier
from watchword.errors import InvalidSettings
from watchword.web import current_identity
from watchword.web.fastapi import Watchword

OLD = Key.generate("HS256")
BAD = {"Authorization": "Bearer a.b.c"}


@pytest.fixture
def guarded(app, auth):
    """An application with a route for each dependency."""

    @app.get("/identity")
    async def identity(found: Annotated[Identity, Security(auth.identity)]):
        return [found.username, current_identity().subject]

    @app.get("/plain")
    def plain(found: Identity = Depends(auth.identity)):  # noqa: B008 - as FastAPI's documentation has it
        return [found.username, current_identity().subject]

    @app.get("/scoped")
    async def scoped(found: Annotated[Identity, Security(auth.identity, scopes=["a", "b"])]):
        return found.scopes

    @app.get("/any")
    async def any_of(found: Annotated[Identity, Depends(auth.any_of("a", "b"))]):
        return found.scopes

    @app.get("/fresh")
    async def fresh(found: Annotated[Identity, Depends(auth.fresh(300))]):
        return found.username

    @app.get("/optional")
    async def optional(found: Annotated[Identity | None, Depends(auth.optional_identity)]):
        current = current_identity()
        return [None if found is None else found.username, None if current is None else current.subject]

    @app.get("/user")
    async def user(found: Annotated[Any, Depends(auth.user)]):
        return found

    @app.get("/scoped-user")
    async def scoped_user(found: Annotated[Any, Security(auth.user, scopes=["a"])]):
        return found

    @app.get("/open")
    async def current():
        return current_identity()

    return app


PATHS = ["identity", "plain", "scoped", "any", "fresh", "user", "scoped-user"]


@pytest.mark.parametrize("path", PATHS)
def test_each_dependency_demands_a_login_by_itself(guarded, client, path):
    answer = client.get(f"/{path}")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["error"] == "missing_token"


@pytest.mark.parametrize("path", [*PATHS, "optional"])
def test_each_dependency_refuses_a_bad_token(guarded, client, path):
    answer = client.get(f"/{path}", headers=BAD)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "scopes", "body"),
    [
        ("identity", [], ["alice", "7"]),
        ("plain", [], ["alice", "7"]),
        ("scoped", ["b", "a"], ["b", "a"]),
        ("any", ["b"], ["b"]),
        ("fresh", [], "alice"),
        ("optional", [], ["alice", "7"]),
        ("user", [], "the user of 7"),
        ("scoped-user", ["a"], "the user of 7"),
    ],
)
def test_a_good_token_gives_what_the_dependency_returns(guarded, client, bearer_of, path, scopes, body):
    answer = client.get(f"/{path}", headers=bearer_of(*scopes))
    assert (answer.status_code, answer.json()) == (200, body)


@pytest.mark.parametrize(("path", "needed"), [("scoped", "a b"), ("any", "a b"), ("scoped-user", "a")])
def test_a_token_without_the_scopes_is_a_403_that_names_them(guarded, client, bearer_of, path, needed):
    answer = client.get(f"/{path}", headers=bearer_of("c"))
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["www-authenticate"].endswith(f'scope="{needed}"')


def test_an_old_login_is_not_fresh(guarded, client, bearer_of, desk):
    headers = bearer_of()
    desk.wait(301)
    answer = client.get("/fresh", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
    assert 'max_age="300"' in answer.headers["www-authenticate"]


def test_an_optional_identity_may_be_missing(guarded, client):
    assert client.get("/optional").json() == [None, None]


def test_a_request_leaves_no_identity_to_the_next(guarded, client, bearer_of):
    client.get("/identity", headers=bearer_of())
    assert client.get("/open", headers=BAD).json() is None


def test_a_subject_without_a_user_is_a_401(guarded, client, bearer_of):
    answer = client.get("/user", headers=bearer_of(subject="8"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_the_user_is_loaded_once_in_a_request(app, desk, bearer_of):
    loaded = []

    async def load_user(identity):
        loaded.append(identity.subject)
        return identity.username

    auth = Watchword(app, desk, load_user=load_user)

    @app.get("/", dependencies=[Security(auth.user, scopes=["a"])])
    async def endpoint(user: Annotated[Any, Depends(auth.user)]):
        return user

    assert TestClient(app).get("/", headers=bearer_of("a")).json() == "alice"
    assert loaded == ["7"]


def test_equal_arguments_give_the_same_dependency(auth):
    assert auth.fresh(300) is auth.fresh(timedelta(minutes=5))
    assert auth.fresh(300) is not auth.fresh(60)
    assert auth.any_of("a", "b") is auth.any_of("b", "a")
    assert auth.any_of("a", "b") is not auth.any_of("a")


def test_an_override_of_the_identity_counts_in_every_dependency(guarded, auth, client, desk):
    fake = Identity.from_claims(
        {"sub": "7", "preferred_username": "fake", "scope": "a b", "auth_time": int(desk.now())}
    )
    guarded.dependency_overrides[auth.identity] = lambda: fake
    guarded.dependency_overrides[auth.optional_identity] = lambda: fake
    answers = {
        path: client.get(f"/{path}") for path in [*PATHS, "optional"] if path not in {"identity", "plain"}
    }
    assert {answer.status_code for answer in answers.values()} == {200}
    assert answers["fresh"].json() == "fake"
    assert answers["user"].json() == "the user of 7"


@pytest.mark.parametrize("path", ["fresh", "any", "user"])
def test_the_other_dependencies_can_be_overridden_too(guarded, auth, client, path):
    dependency = {"fresh": auth.fresh(300), "any": auth.any_of("b", "a"), "user": auth.user}[path]
    fake = Identity.from_claims({"sub": "7", "preferred_username": "fake"})
    guarded.dependency_overrides[dependency] = lambda: "fake" if path == "user" else fake
    assert client.get(f"/{path}").status_code == 200


def test_routers_and_applications_are_guarded_as_a_whole(app, auth, bearer_of):
    router = APIRouter(dependencies=[Security(auth.identity, scopes=["a"])])

    @router.get("/inside")
    async def inside():
        return current_identity().subject

    nested = APIRouter()
    nested.include_router(router, prefix="/nested")
    app.include_router(nested, prefix="/api")
    whole = FastAPI(dependencies=[Depends(auth.identity)])
    whole.get("/inside")(inside)
    app.mount("/whole", whole)
    client = TestClient(app)
    for path in "/api/nested/inside", "/whole/inside":
        assert client.get(path).status_code == 401
        assert client.get(path, headers=bearer_of("a")).json() == "7"
    assert client.get("/api/nested/inside", headers=bearer_of()).status_code == 403
    assert client.get("/whole/inside").json() == {
        "detail": {"error": "missing_token", "error_description": "a bearer token is needed"}
    }


@pytest.mark.skipif(not hasattr(APIRouter, "frontend"), reason="older releases of FastAPI have no frontends")
def test_a_frontend_is_guarded(app, auth, bearer_of, tmp_path):
    (tmp_path / "index.html").write_text("<p>inside")
    router = APIRouter(dependencies=[Depends(auth.identity)])
    router.frontend("/app", directory=tmp_path)
    app.include_router(router)
    client = TestClient(app)
    assert client.get("/app/").status_code == 401
    assert client.get("/app/", headers=bearer_of()).text == "<p>inside"


@pytest.mark.parametrize("method", ["api_route", "options"])
def test_an_options_request_passes_and_does_not_reach_the_operation(app, auth, client, bearer_of, method):
    called = []
    methods = {"methods": ["GET", "OPTIONS"]} if method == "api_route" else {}

    @getattr(app, method)("/", dependencies=[Depends(auth.identity)], **methods)
    async def operation():
        called.append(1)

    answer = client.options("/")
    assert (answer.status_code, answer.json()) == (200, {"detail": "OK"})
    assert "OPTIONS" in answer.headers["allow"]
    assert client.options("/", headers=bearer_of()).status_code == 200
    assert called == []


@pytest.mark.parametrize("other", [Verifier(OLD), MultiIssuer([Verifier(OLD, issuer="https://old.example")])])
def test_tokens_of_another_kind_are_accepted(app, desk, bearer_of, other):
    both = Watchword(app, desk, also=[other])
    only = Watchword(app, other)

    @app.get("/both")
    async def accept_both(found: Annotated[Identity, Security(both.identity, scopes=["a"])]):
        return found.subject

    @app.get("/only")
    async def accept_old(found: Annotated[Identity, Depends(only.identity)]):
        return found.subject

    client = TestClient(app)
    old = {"Authorization": "Bearer " + Issuer("https://old.example", OLD).issue("42", {"scope": "a"})}
    assert client.get("/both", headers=old).json() == client.get("/only", headers=old).json() == "42"
    assert client.get("/both", headers=bearer_of("a")).json() == "7"
    assert client.get("/only", headers=bearer_of("a")).status_code == 401


def test_a_login_of_the_application_uses_the_client_of_the_request(app, auth, client, desk):
    @app.post("/login")
    def log_in():
        return auth.core.login("alice", "correct horse battery").body()

    assert client.post("/login").status_code == 200
    (session,) = desk.sessions(desk.accounts.find("alice").subject)
    assert session.ip_address == "203.0.113.9"


def test_without_load_user_there_are_no_users(app, desk, bearer_of):
    auth = Watchword(app, desk)
    app.get("/", dependencies=[Depends(auth.user)])(lambda: None)
    with pytest.raises(InvalidSettings, match="load_user="):
        TestClient(app).get("/", headers=bearer_of())


def test_a_dependency_of_the_application_may_call_ours(app, auth, client, bearer_of):
    @app.get("/")
    async def show(conn: HTTPConnection):
        return (await auth.identity(conn, SecurityScopes(["a"]))).username

    assert client.get("/", headers=bearer_of()).status_code == 403
    assert client.get("/", headers=bearer_of("a")).json() == "alice"


# -- mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda auth: auth.identity(),
        lambda auth: auth.identity(scopes=["a"]),
        lambda auth: auth.identity("a"),
        lambda auth: auth.optional_identity(),
        lambda auth: auth.user(),
    ],
)
def test_a_dependency_that_is_called_is_refused_at_once(auth, call):
    with pytest.raises(InvalidSettings, match=r"without calling it: Depends\(auth\."):
        Depends(call(auth))


@pytest.mark.parametrize(
    ("dependency", "line"),
    [
        (lambda auth: auth.identity, "Depends(auth.identity)"),
        (lambda auth: auth.optional_identity, "Depends(auth.optional_identity)"),
        (lambda auth: auth.user, "Depends(auth.user)"),
        (lambda auth: auth.fresh(60), "Depends(auth.fresh(300))"),
        (lambda auth: auth.any_of("c"), 'Depends(auth.any_of("a", "b"))'),
        (lambda auth: auth.fresh, "Depends(auth.fresh(300))"),
    ],
)
def test_a_dependency_without_depends_is_refused(app, auth, client, bearer_of, dependency, line):
    given = dependency(auth)
    with pytest.raises(InvalidSettings, match=re.escape(line)):
        app.get("/listed", dependencies=[given])(lambda: None)
    called = []
    app.get("/default")(lambda found=given: called.append(found))
    with pytest.raises(InvalidSettings, match=re.escape(line)):
        client.get("/default", headers=bearer_of())
    assert called == []


@pytest.mark.parametrize("name", ["fresh", "any_of"])
@pytest.mark.parametrize("place", ["route", "parameter"])
def test_a_dependency_that_needs_a_call_is_refused_without_it(app, auth, name, place):
    dependency = Depends(getattr(auth, name))

    def use(found=dependency): ...

    options = {"dependencies": [dependency]} if place == "route" else {}
    view = (lambda: None) if place == "route" else use
    with pytest.raises(InvalidSettings, match=rf"call it first: Depends\(auth\.{name}\("):
        app.get("/", **options)(view)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda auth: auth.fresh("x"), "fresh must be"),
        (lambda auth: auth.fresh(-1), "fresh must be"),
        (lambda auth: auth.any_of(), "any_of needs at least one scope"),
        (lambda auth: auth.any_of("a b"), "any_of must be names"),
        (lambda auth: auth.any_of(["a"]), "any_of must be names"),
    ],
)
def test_requirements_of_the_wrong_form_are_refused_at_once(auth, call, message):
    with pytest.raises(InvalidSettings, match=message):
        call(auth)


@pytest.mark.parametrize("place", ["route", "parameter", "annotation", "router", "below"])
@pytest.mark.parametrize("scopes", ["reports:read", "ab"])
def test_scopes_as_a_text_are_refused(app, auth, client, bearer_of, place, scopes):
    security = Security(auth.identity, scopes=scopes)

    async def take(found=security): ...

    async def take_annotated(found: Annotated[Identity, security]): ...

    async def take_below(found=Depends(take)): ...  # noqa: B008 - as above

    if place == "router":
        router = APIRouter(dependencies=[security])
        router.get("/")(lambda: None)
        app.include_router(router)
    elif place == "route":
        app.get("/", dependencies=[security])(lambda: None)
    else:
        app.get("/")({"parameter": take, "annotation": take_annotated, "below": take_below}[place])
    with pytest.raises(InvalidSettings, match=rf"scopes=\['{scopes}'\]"):
        client.get("/", headers=bearer_of())


def test_scopes_of_a_letter_each_are_scopes(app, auth, client, bearer_of):
    app.get("/", dependencies=[Security(auth.identity, scopes=["a", "b"])])(lambda: "in")
    assert client.get("/", headers=bearer_of("a", "b")).json() == "in"
    assert client.get("/", headers=bearer_of("a")).status_code == 403


def test_protect_says_what_to_write(auth):
    with pytest.raises(InvalidSettings, match=r"Security\(auth.identity\)"):

        @auth.protect()
        def view(): ...
