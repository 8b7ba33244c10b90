"""Keys and metadata, asked for without a framework. ``tests/web/flask`` has the rest, over HTTP."""

from __future__ import annotations

import json
import sys

import pytest

from watchword import Auth, Key, KeySet
from watchword.errors import NotFound
from watchword.web.endpoints import Endpoints, find_resource_metadata
from watchword.web.http import Headers, Request


def find_handler(auth, name, **switches):
    """The handler of a route."""
    routes = Endpoints(lambda: auth, auth.settings, switches).routes
    return next(route.handler for route in routes if route.name == name)


def read_metadata(auth, name="openid_configuration", **switches):
    """What the metadata say."""
    return json.loads(find_handler(auth, name, **switches)(Request()).body)


def test_a_jwks_is_built_once_for_each_version_of_the_keys(desk, monkeypatch):
    built, to_jwks = [], KeySet.to_jwks
    monkeypatch.setattr(KeySet, "to_jwks", lambda keys: built.append(keys) or to_jwks(keys))
    publish = find_handler(desk, "jwks")

    def ask():
        answers = [publish(Request()) for _ in range(1_000)]
        assert len({(answer.body, dict(answer.headers)["ETag"]) for answer in answers}) == 1
        return [key["kid"] for key in json.loads(answers[0].body)["keys"]]

    def wait(seconds):
        desk.wait(seconds)
        desk.keyring.tend()
        desk.wait(0)

    first, second = ask()
    assert len(built) == 1
    wait(desk.settings.rotation_period)  # the second key signs, and a third is made
    assert ask()[:2] == [first, second]
    assert len(built) == 2
    wait(desk.settings.access_lifetime + 120)  # the last token of the first key has expired
    assert first not in ask()
    assert len(built) == 3


def test_a_jwks_of_many_keys_costs_a_request_no_more_than_of_two(desk):
    publish = find_handler(desk, "jwks")
    of_two = count_calls(lambda: publish(Request()))
    for _ in range(30):
        desk.keyring.add(Key.generate("ES256"))
    desk.wait(1)
    assert len(desk.jwks()["keys"]) > 30
    assert count_calls(lambda: publish(Request())) == of_two


def count_calls(act):
    """How many functions an act calls when it is done again."""
    act()
    calls = []
    sys.setprofile(lambda _frame, event, _argument: calls.append(event) if "call" in event else None)
    try:
        act()
    finally:
        sys.setprofile(None)
    return len(calls)


def test_a_fixed_key_may_be_kept_for_as_long_as_any_jwks():
    auth = Auth("sqlite://", keys=Key.generate("ES256"))
    answer = find_handler(auth, "jwks")(Request())
    assert dict(answer.headers)["Cache-Control"] == "public, max-age=600"
    auth.close()


# -- metadata --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openid_configuration", "authorization_server"])
def test_metadata_name_issuer_keys_endpoints_and_algorithms(desk, name):
    assert read_metadata(desk, name) == {
        "issuer": "https://issuer.example",
        "jwks_uri": "https://issuer.example/.well-known/jwks.json",
        "token_endpoint": "https://issuer.example/auth/token",
        "revocation_endpoint": "https://issuer.example/auth/revoke",
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "grant_types_supported": ["refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


@pytest.mark.parametrize(
    ("issuer", "paths"),
    [
        ("https://issuer.example/", [""]),
        ("https://issuer.example/team/login", ["", "/team/login"]),
        ("https://issuer.example/team/", ["", "/team"]),
        ("http://localhost:8000", [""]),
    ],
)
def test_metadata_repeat_the_issuer_exactly_and_every_url_begins_with_it(desk, issuer, paths):
    auth = type(desk)(issuer=issuer)
    routes = [
        route for route in Endpoints(lambda: auth, auth.settings).routes if route.endpoint == "metadata"
    ]
    documents = {route.handler(Request()).body for route in routes}
    auth.close()
    assert [route.path for route in routes] == [
        f"/.well-known/{name}{path}"
        for name in ("openid-configuration", "oauth-authorization-server")
        for path in paths
    ]
    (document,) = map(json.loads, documents)
    assert document["issuer"] == issuer
    assert document["jwks_uri"] == f"{issuer.removesuffix('/')}/.well-known/jwks.json"
    assert all(value.startswith(issuer) for value in document.values() if "://" in value)


@pytest.mark.parametrize("issuer", ["watchword", "http://login.example", "https://login.example?tenant=1"])
def test_an_issuer_that_cannot_have_metadata_is_told_in_a_404(desk, issuer):
    auth = type(desk)(issuer=issuer)
    with pytest.raises(NotFound, match="the issuer of this service is not an https URL"):
        read_metadata(auth)
    auth.close()


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("jwks", {"jwks_uri"}),
        ("token", {"token_endpoint", "token_endpoint_auth_methods_supported"}),
        ("revoke", {"revocation_endpoint", "revocation_endpoint_auth_methods_supported"}),
    ],
)
def test_metadata_do_not_name_an_endpoint_that_is_switched_off(desk, name, missing):
    metadata = read_metadata(desk, **{name: False})
    assert read_metadata(desk).keys() - metadata.keys() == missing
    assert metadata["grant_types_supported"] == ([] if name == "token" else ["refresh_token"])


def test_metadata_are_encoded_once_for_each_version_of_the_keys(desk):
    answer = find_handler(desk, "openid_configuration")
    first = answer(Request())
    assert answer(Request()).body is first.body
    desk.keyring.add(Key.generate("ES256"))
    desk.wait(1)
    assert answer(Request()).body is not first.body
    assert dict(answer(Request()).headers)["ETag"] == dict(first.headers)["ETag"]


def test_metadata_may_be_kept_and_are_not_sent_again(desk):
    answer = find_handler(desk, "authorization_server")
    headers = dict(answer(Request()).headers)
    assert headers["Cache-Control"] == dict(find_handler(desk, "jwks")(Request()).headers)["Cache-Control"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    again = answer(Request(headers=Headers([("If-None-Match", headers["ETag"])])))
    assert (again.status, again.body) == (304, b"")


def test_the_algorithms_of_all_published_keys_are_named(desk):
    for auth, names in [
        (type(desk)(signing_algorithm="HS256"), []),  # Secrets are not published.
        (Auth("sqlite://", keys=Key.generate("RS256")), ["RS256"]),
    ]:
        assert read_metadata(auth)["id_token_signing_alg_values_supported"] == names
        auth.close()


# -- the protected resource ------------------------------------------------------------------------

RESOURCE = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("resource", "paths"),
    [
        ("", []),
        ("https://api.example", [RESOURCE]),
        ("https://api.example/", [RESOURCE]),
        ("https://api.example/mcp", [RESOURCE, f"{RESOURCE}/mcp"]),
    ],
)
def test_a_resource_has_metadata_that_lead_to_the_issuer(desk, resource, paths):
    auth = type(desk)(resource=resource)
    routes = [route for route in Endpoints(lambda: auth, auth.settings).routes if RESOURCE in route.path]
    auth.close()
    assert [(route.path, route.endpoint) for route in routes] == [(path, "metadata") for path in paths]
    for route in routes:
        answer = route.handler(Request())
        assert json.loads(answer.body) == {
            "resource": resource,
            "authorization_servers": ["https://issuer.example"],
            "bearer_methods_supported": ["header"],
        }
        assert dict(answer.headers)["Cache-Control"] == "public, max-age=600"


def test_a_resource_of_an_issuer_without_metadata_names_no_issuer(desk):
    auth = type(desk)(resource="https://api.example", issuer="watchword")
    assert "authorization_servers" not in read_metadata(auth, "protected_resource")
    auth.close()


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("", None),
        ("https://api.example/", f"https://api.example{RESOURCE}"),
        ("https://api.example:8443/mcp", f"https://api.example:8443{RESOURCE}/mcp"),
    ],
)
def test_the_metadata_of_a_resource_are_between_its_host_and_its_path(resource, expected):
    assert find_resource_metadata(resource) == expected
