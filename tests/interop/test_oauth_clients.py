"""OAuth clients of other projects find our endpoints, refresh and revoke, as docs/elsewhere.md shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from watchword_servers import until

CLIENTS = ["oauth4webapi.mjs", "authlib_session.py"]


@pytest.fixture(params=CLIENTS)
def client(request, run_recipe) -> Any:
    return run_recipe(request.param)


def opens(login: Any, tokens: dict[str, Any]) -> bool:
    return login.server.greets(tokens)


def test_a_refresh_gives_the_next_pair(login, client) -> None:
    tokens = login.start()
    following = client.call("refresh", tokens["refresh_token"])
    assert following["access_token"] != tokens["access_token"]
    assert following["refresh_token"] != tokens["refresh_token"]
    assert following["token_type"].lower() == "bearer"
    assert (following["expires_in"], following["scope"]) == (600, "reports:read")
    assert opens(login, following)
    assert opens(login, client.call("refresh", following["refresh_token"]))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_ends_the_session(login, client, kind) -> None:
    tokens = login.start()
    client.call("revoke", tokens[kind])
    until(lambda: not opens(login, tokens), "the access token is refused", within=1.5)
    assert client.refuse("refresh", tokens["refresh_token"])


def test_a_revocation_of_an_unknown_token_is_no_error(client) -> None:
    client.call("revoke", "a.b.c")


@pytest.mark.parametrize("token", ["a.b.c", "x" * 20_000], ids=["garbage", "long"])
def test_a_bad_refresh_token_is_an_error_of_the_client_library(client, token) -> None:
    assert client.refuse("refresh", token) in {"OAuthError", "OperationProcessingError", "ResponseBodyError"}


def test_authlib_refreshes_by_itself_when_a_token_has_expired(login, monkeypatch) -> None:
    monkeypatch.setenv("ISSUER", login.issuer)
    path = Path(__file__).parent / "recipes" / "authlib_session.py"
    spec = importlib.util.spec_from_file_location("authlib_session", path)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    tokens, saved = login.start(), []
    with recipe.open_session(
        {**tokens, "expires_at": 1}, lambda token, **_: saved.append(token["access_token"])
    ) as session:
        answer = session.get(f"{login.issuer}/auth/me", timeout=20)
    assert answer.json()["username"] == "alice"
    assert saved == [session.token["access_token"]] != [tokens["access_token"]]
