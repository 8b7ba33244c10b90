"""The verifier for MCP servers: what it tells the server about a token, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.testclient import TestClient

from watchword import Issuer, Key, MultiIssuer, Verifier
from watchword.errors import InvalidSettings, StoreUnavailable
from watchword.jose import jws
from watchword.web.mcp import TokenVerifier

ISSUER, RESOURCE = "https://login.example", "https://notes.example/mcp"
KEY = Key.generate("ES256")


@pytest.fixture
def verifier() -> Verifier[dict[str, Any]]:
    return Verifier(
        KEY, issuer=ISSUER, audience=[RESOURCE, "notes"], allow_no_exp=True, typ=["at+jwt", "JWT"]
    )


def verify(auth: Any, token: str, *scopes: str) -> AccessToken | None:
    return asyncio.run(TokenVerifier(auth, scopes).verify_token(token))


def issue(aud: str | list[str] = RESOURCE, **claims: Any) -> str:
    return Issuer(ISSUER, KEY, audience=aud).issue("user-1", claims)


def test_an_access_token_of_ours_tells_user_client_scopes_and_audience(desk) -> None:
    tokens = desk.login("alice", "correct horse battery")
    found = verify(desk, tokens.access_token, "read")
    claims = desk.authenticate(tokens.access_token).claims
    assert found == AccessToken(
        token=tokens.access_token,
        client_id=claims["client_id"],
        scopes=["read", "write"],
        expires_at=claims["exp"],
        resource="api",
        subject=tokens.subject,
        claims=claims,
    )


@pytest.mark.parametrize(
    ("aud", "claims", "expected"),
    [
        (RESOURCE, {"azp": "editor"}, {"resource": RESOURCE, "client_id": "editor", "scopes": []}),
        (["other", RESOURCE], {"client_id": "cli", "azp": "x"}, {"resource": RESOURCE, "client_id": "cli"}),
        (["notes"], {"scope": "a b"}, {"resource": "notes", "client_id": "user-1", "scopes": ["a", "b"]}),
    ],
)
def test_the_token_of_another_issuer_names_the_audience_that_is_accepted(
    verifier, aud, claims, expected
) -> None:
    for auth in (verifier, MultiIssuer([verifier])):
        found = verify(auth, issue(aud, **claims))
        assert found is not None
        assert expected.items() <= found.model_dump().items()
        assert found.subject == "user-1"


def test_a_token_without_audience_and_expiry_has_neither_here() -> None:
    token = jws.sign(json.dumps({"iss": ISSUER, "sub": "user-1"}).encode(), KEY)
    found = verify(Verifier(KEY, issuer=ISSUER, allow_no_exp=True), token)
    assert found is not None
    assert (found.resource, found.expires_at) == (None, None)


REFUSED = {
    "no token": (lambda: "", ()),
    "garbage": (lambda: "a.b.c", ()),
    "another audience": (lambda: issue("https://other.example/mcp"), ()),
    "another key": (lambda: Issuer(ISSUER, Key.generate("ES256"), audience=RESOURCE).issue("user-1"), ()),
    "expired": (lambda: Issuer(ISSUER, KEY, audience=RESOURCE, clock=lambda: 1_000).issue("user-1"), ()),
    "bound to a key": (lambda: issue(cnf={"jkt": "x"}), ()),
    "too few scopes": (lambda: issue(scope="a"), ("a", "b")),
}


@pytest.mark.parametrize(("make", "scopes"), REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_not_acceptable_is_none(verifier, make: Callable[[], str], scopes) -> None:
    assert verify(verifier, make(), *scopes) is None


def test_the_reason_of_a_refusal_is_in_the_log_and_the_token_is_not(verifier, caplog) -> None:
    caplog.set_level(logging.DEBUG, "watchword.web")
    token = issue("other")
    verify(verifier, token)
    assert caplog.messages == ["a token for the MCP server was refused: wrong_audience"]


def test_an_ended_session_and_a_refresh_token_are_refused(desk) -> None:
    tokens = desk.login("alice", "correct horse battery")
    assert verify(desk, tokens.refresh_token) is None
    desk.end_all(tokens.subject)
    assert verify(desk, tokens.access_token) is None


def make_sdk_app(verifier: TokenVerifier) -> Starlette:
    settings = {"issuer_url": ISSUER, "resource_server_url": RESOURCE, "validate_token_resource": False}
    server = MCPServer("notes", token_verifier=verifier, auth=AuthSettings.model_validate(settings))
    return server.streamable_http_app()


def make_fastmcp_app(verifier: TokenVerifier) -> Starlette:
    provider = RemoteAuthProvider(verifier, [ISSUER], RESOURCE.removesuffix("/mcp"))
    return FastMCP("notes", auth=provider).http_app()


@pytest.mark.parametrize("make_app", [make_sdk_app, make_fastmcp_app])
def test_an_unavailable_store_is_an_error_and_not_a_bad_token(desk, make_app) -> None:
    token = desk.start("user-1").access_token
    desk.stores.close()  # the database was in memory
    desk._revocations._polls.remove()
    desk._revocations._spared_until = -math.inf
    with pytest.raises(StoreUnavailable):
        verify(desk, token)
    client = TestClient(make_app(TokenVerifier(desk)), raise_server_exceptions=False)
    assert client.post("/mcp", headers={"Authorization": f"Bearer {token}"}).status_code == 500


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((None,), "auth must be an Auth, a Verifier or a MultiIssuer, not None"),
        ((Verifier(KEY), [1]), "required_scopes must be names"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, said) -> None:
    with pytest.raises(InvalidSettings, match=said):
        TokenVerifier(*arguments)


def test_without_the_sdk_the_extra_is_named() -> None:
    program = "import sys; sys.modules['mcp'] = None; import watchword.web.mcp"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert "pip install 'watchword[mcp]'" in done.stderr
