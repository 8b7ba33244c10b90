"""Every snippet of docs/providers.md runs, with a provider on loopback in the place of the one it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from watchword import FetchPolicy, Issuer, Key
from watchword.errors import InvalidClaims, InvalidSettings, WrongIssuer
from watchword.providers import freshness

DOCUMENT = Path("docs/providers.md").read_text("utf-8")
SNIPPETS = dict(re.findall(r"<!-- test: ([\w ]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL))
ISSUER = "https://accounts.example.com"
KEY = Key.generate("EdDSA")


@pytest.fixture
def run(provider) -> Any:
    provider.publish(KEY)

    def running(snippet: str) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "shop"}
        exec(compile(SNIPPETS[snippet].replace(ISSUER, provider.url), "docs/providers.md", "exec"), names)
        return names

    return running


@pytest.fixture
def issue(provider) -> Any:
    def issuing(
        iss: str = provider.url, audience: str | None = "shop", typ: str = "JWT", **claims: Any
    ) -> str:
        return Issuer(iss, KEY, audience=audience, typ=typ).issue("user-1", claims)

    return issuing


def test_ten_lines_protect_a_route(run, provider, issue) -> None:
    snippet = [line for line in SNIPPETS["ten lines"].splitlines() if line]
    assert len(snippet) <= 10
    client = run("ten lines")["app"].test_client()
    assert provider.requests == []
    answer = client.get("/orders", headers={"Authorization": f"Bearer {issue()}"})
    assert answer.get_json() == {"of": "user-1"}
    assert client.get("/orders").status_code == 401
    foreign = issue(audience="other")
    assert client.get("/orders", headers={"Authorization": f"Bearer {foreign}"}).status_code == 401


def test_a_dead_provider_is_503_with_a_time_to_come_back(run, provider, issue) -> None:
    client = run("ten lines")["app"].test_client()
    provider.fail()
    answer = client.get("/orders", headers={"Authorization": f"Bearer {issue()}"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_wrong_issuer_is_an_error_of_the_application_and_no_client_learns_which(
    run, provider, issue, caplog
) -> None:
    client = run("ten lines")["app"].test_client()
    metadata = {"issuer": f"{provider.url}/", "jwks_uri": provider.jwks_url}
    provider.serve("/.well-known/openid-configuration", metadata)
    answer = client.get("/orders", headers={"Authorization": f"Bearer {issue()}"})
    assert answer.status_code == 500
    assert provider.url not in answer.text + str(answer.headers)
    assert f"issuer is '{provider.url}', but the metadata" in caplog.text
    assert f"'{provider.url}/'" in caplog.text


def test_the_subject_or_the_error_comes_back(run, provider, issue) -> None:
    subject = run("verify")["subject"]
    assert subject(issue()) == "user-1"
    assert subject("x") == "malformed_token"
    dead = run("verify")["subject"]
    provider.fail()
    assert dead(issue()) == "keys_unavailable"


def test_a_provider_without_an_audience_is_checked_by_a_rule(run, issue) -> None:
    verifier = run("no audience")["cognito"]
    ours = {"client_id": "shop", "token_use": "access"}
    assert verifier.verify(issue(audience=None, **ours))["sub"] == "user-1"
    for token in (issue(audience=None), issue(audience=None, **ours | {"token_use": "id"}), issue(**ours)):
        with pytest.raises(InvalidClaims):
            verifier.verify(token)


def test_a_profile_takes_an_issuers_keys(run, issue) -> None:
    verifier = run("profile")["verifier"]
    token = issue(typ="at+jwt", client_id="c")
    assert verifier.verify(token).client_id == "c"


def test_keys_may_be_named_by_their_url(run, provider, issue) -> None:
    assert run("keys")["verifier"].verify(issue())["sub"] == "user-1"
    assert provider.requests == ["/jwks"]


def test_a_provider_in_ones_own_network_is_allowed_with_its_certificates(run) -> None:
    with pytest.raises(InvalidSettings, match="ca_file"):  # which is not here
        run("private")


def test_several_issuers_stand_side_by_side(run, issue, provider) -> None:
    verifier = run("several")["verifier"]
    assert verifier.verify(issue())["sub"] == "user-1"
    requests = len(provider.requests)
    with pytest.raises(WrongIssuer):
        verifier.verify(issue(iss="https://evil.example"))
    assert len(provider.requests) == requests


def test_tenants_are_listed_by_their_ids(run, issue) -> None:
    names = run("tenants")
    for other in ("{tenantid}", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(WrongIssuer):
            names["verifier"].verify(issue(iss=f"https://login.microsoftonline.com/{other}/v2.0"))
    assert sorted(names["verifier"]._verifiers) == sorted(
        f"https://login.microsoftonline.com/{tenant}/v2.0" for tenant in names["TENANTS"]
    )


def test_every_option_of_fetching_is_in_the_document() -> None:
    assert [name for name in FetchPolicy.__struct_fields__ if f"`{name}`" not in DOCUMENT] == []
    assert (FetchPolicy().connect_timeout, FetchPolicy().timeout) == (3, 10)


def test_the_times_of_the_document_are_those_of_the_code() -> None:
    assert (freshness.SHORTEST, freshness.USUAL, freshness.LONGEST) == (60, 300, 3_600)
    assert (freshness.COOL_DOWN, freshness.STALE_LIMIT) == (30, 24 * 3_600)


def test_every_snippet_is_tested() -> None:
    assert len(SNIPPETS) == DOCUMENT.count("```python")
