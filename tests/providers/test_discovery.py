from __future__ import annotations

import json

import pytest

from watchword import FetchPolicy
from watchword.errors import InvalidSettings, KeysUnavailable
from watchword.providers.discovery import check_issuer
from watchword.providers.discovery import discover as find_source
from watchword.providers.fetching import Fetcher

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


@pytest.fixture
def discover(provider):
    """What is found for the provider, or for an issuer below it."""

    def discovering(path=""):
        issuer = provider.url + path
        return find_source(issuer, Fetcher(issuer, FetchPolicy()))

    return discovering


def metadata(provider, path="", **members):
    return {"issuer": provider.url + path, "jwks_uri": provider.jwks_url, **members}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", OPENID),
        ("/", OPENID),
        ("/realms/shop", f"/realms/shop{OPENID}"),
        ("/tenant/v2.0/", f"/tenant/v2.0{OPENID}"),
    ],
)
def test_openid_connect_appends_the_well_known_path(provider, discover, path, asked):
    provider.serve(asked, metadata(provider, path))
    assert discover(path) == (provider.jwks_url, None)
    assert provider.requests == [asked]


@pytest.mark.parametrize(
    ("path", "asked"), [("", OAUTH), ("/", OAUTH), ("/a", f"{OAUTH}/a"), ("/a/b/", f"{OAUTH}/a/b")]
)
def test_rfc_8414_inserts_it_and_is_asked_next(provider, discover, path, asked):
    provider.serve(asked, metadata(provider, path))
    assert discover(path) == (provider.jwks_url, None)
    assert provider.requests == [path.removesuffix("/") + OPENID, asked]


def test_an_issuer_without_metadata_is_a_failure(discover):
    with pytest.raises(KeysUnavailable, match="no metadata") as caught:
        discover()
    *asked, advice = caught.value.__notes__
    notes = zip((OPENID, OAUTH), asked, strict=True)
    assert all(f"{path} answers with status 404" in note for path, note in notes)
    assert "RemoteKeySet" in advice


def test_a_server_in_trouble_is_not_asked_elsewhere(provider, discover, answering):
    provider.answers[OPENID] = answering["status"](500)
    provider.serve(OAUTH, metadata(provider))
    with pytest.raises(KeysUnavailable, match="500"):
        discover()


@pytest.mark.parametrize(
    "stated",
    [
        "https://idp.example",
        "{url}/",
        "{url}/x",
        "HTTP{url}",
        "",
        "{url}/{{tenantid}}",
    ],
)
def test_metadata_of_another_issuer_are_a_wrong_setting_and_both_are_named(provider, discover, stated):
    issuer = stated.format(url=provider.url)
    provider.serve(OPENID, metadata(provider) | {"issuer": issuer})
    with pytest.raises(InvalidSettings) as caught:
        discover()
    assert f"issuer is '{provider.url}', but" in str(caught.value)
    assert f"another issuer, '{issuer}'." in str(caught.value)
    assert provider.requests == [OPENID]


def test_the_name_of_another_issuer_is_shown_in_bounds(provider, discover):
    provider.serve(OPENID, metadata(provider) | {"issuer": "\x1b[31m\n" * 10_000})
    with pytest.raises(InvalidSettings) as caught:
        discover()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2_500


@pytest.mark.parametrize("stated", [None, 5, ["http://localhost"]])
def test_metadata_without_an_issuer_are_refused(provider, discover, stated):
    provider.serve(OPENID, metadata(provider) | {"issuer": stated})
    with pytest.raises(KeysUnavailable, match="do not name an issuer"):
        discover()


@pytest.mark.parametrize(("openid", "oauth"), [(403, 404), (404, 401), (401, 403)])
def test_a_provider_that_refuses_us_is_told_as_such(provider, discover, answering, openid, oauth):
    provider.answers |= {OPENID: answering["status"](openid), OAUTH: answering["status"](oauth)}
    with pytest.raises(KeysUnavailable, match="refuses the request with status"):
        discover()


@pytest.mark.parametrize("uri", [None, 5, ["x"], {}])
def test_metadata_without_a_place_of_keys_are_refused(provider, discover, uri):
    provider.serve(OPENID, metadata(provider, jwks_uri=uri))
    with pytest.raises(KeysUnavailable, match="do not name a jwks_uri"):
        discover()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"issuer": "a", "issuer": "b"}', b"\xff{}"], ids=repr
)
def test_what_is_no_object_is_refused(provider, discover, answering, content):
    provider.answers[OPENID] = answering["body"](content)
    with pytest.raises(KeysUnavailable, match="not a JSON object"):
        discover()


def test_the_algorithms_of_id_tokens_are_told(provider, discover):
    provider.serve(OPENID, metadata(provider, id_token_signing_alg_values_supported=["RS256", "HS256"]))
    assert discover().algorithms == {"RS256", "HS256"}


@pytest.mark.parametrize("names", ["RS256", {"RS256": True}, [["RS256"]], [1], 5])
def test_algorithms_that_are_no_list_of_names_are_refused(provider, discover, names):
    provider.serve(OPENID, metadata(provider, id_token_signing_alg_values_supported=names))
    with pytest.raises(KeysUnavailable, match="algorithms"):
        discover()


@pytest.mark.parametrize(
    "issuer",
    [
        *("https://login.example/{tenantid}/v2.0", "https://idp.example?x=1", "https://idp.example?"),
        *("idp.example", "https://idp.example#x", "", None, 5, ["https://idp.example"]),
    ],
)
def test_what_can_be_no_issuer_is_refused(issuer):
    with pytest.raises(InvalidSettings):
        check_issuer(issuer)


def test_a_template_is_told_from_an_issuer():
    with pytest.raises(
        InvalidSettings, match=r"not a template: .* Put a tenant's id in the place of the braces"
    ):
        check_issuer("https://login.example/{tenantid}/v2.0")


@pytest.mark.parametrize("path", ["openid-configuration", "jwks.json"])
def test_the_url_of_metadata_is_told_from_an_issuer(path):
    with pytest.raises(InvalidSettings, match=r"not of its metadata: 'https://idp\.example/\.well-known/"):
        check_issuer(f"https://idp.example/.well-known/{path}")


def test_members_beyond_those_needed_do_not_matter(provider, discover):
    extra = json.loads(
        '{"mtls_endpoint_aliases": {"a": {"b": [1.5, null]}}, "frontchannel_logout_supported": true}'
    )
    provider.serve(OPENID, metadata(provider, **extra))
    assert discover().url == provider.jwks_url


@pytest.mark.parametrize(
    "rest", ["/{tenant}", "/{tenant}?code=hidden", "/.well-known/openid-configuration?code=hidden"]
)
def test_a_refused_issuer_is_shown_without_user_password_and_query(rest) -> None:
    user = "user:hidden@" if "{" in rest else ""
    with pytest.raises(InvalidSettings) as caught:
        check_issuer(f"https://{user}idp.example{rest}")
    assert "idp.example" in str(caught.value)
    assert "hidden" not in str(caught.value)
