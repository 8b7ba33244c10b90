"""The MCP server of the example, and `watchword serve` beside it, whose logins open the tools."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mcp
import pytest
import requests
from mcp_clients import CLIENTS, METADATA, PASSWORD, serve_logins, wait_for_refusal
from watchword_servers import Server, free_port

from watchword import Auth

SCRIPT = Path(__file__).parents[2] / "examples" / "mcp_server.py"


@pytest.fixture(scope="module")
def url() -> str:
    """The URL of the example's server, which is the audience of the tokens."""
    return f"http://127.0.0.1:{free_port()}/mcp"


@pytest.fixture(scope="module")
def server(tmp_path_factory, url: str) -> Iterator[Server]:
    """`watchword serve`, with alice, who may read notes, and bob, who may not."""
    with serve_logins(tmp_path_factory.mktemp("login"), url) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def example(server: Server, url: str, start_program_once: Callable[..., Any]) -> None:
    start_program_once(
        [sys.executable, SCRIPT],
        server.directory,
        urlsplit(url).port,
        probe=METADATA,
        WATCHWORD_ISSUER=f"http://localhost:{server.port}",
        WATCHWORD_AUDIENCE=url,
    )


def ask(url: str, token: str | None = None) -> requests.Response:
    """An answer to a request that is no message of MCP: the guard comes first."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.post(url, headers=headers, json={}, timeout=20)


@pytest.mark.parametrize("connect", CLIENTS.values(), ids=CLIENTS)
def test_access_ends_soon_after_all_sessions_of_the_user_end(server, url, connect) -> None:
    token = server.login("alice", PASSWORD)["access_token"]

    async def use() -> float:
        async with connect(url, token) as call:
            assert await call("list_notes") == ["buy tea"]
            assert server.request("POST", "/auth/logout-all", token=token).status == 204
            return await wait_for_refusal(call, "list_notes")

    assert asyncio.run(use()) < 1.5


@pytest.mark.parametrize("connect", CLIENTS.values(), ids=CLIENTS)
def test_a_client_with_a_bad_token_never_connects(url, connect) -> None:
    async def use() -> None:
        async with connect(url, "a.b.c") as call:
            await call("list_notes")

    with pytest.raises((mcp.MCPError, ExceptionGroup)):
        asyncio.run(use())


def test_a_request_without_a_login_is_told_where_the_metadata_are(url) -> None:
    refused = ask(url)
    assert refused.status_code == 401
    metadata_url = url.replace("/mcp", METADATA)
    assert f'resource_metadata="{metadata_url}"' in refused.headers["WWW-Authenticate"]


def test_the_metadata_name_the_issuer_as_the_tokens_do(server, url) -> None:
    metadata = requests.get(url.replace("/mcp", METADATA), timeout=20).json()
    assert metadata["resource"] == url
    assert metadata["authorization_servers"] == [f"http://localhost:{server.port}"], "without another slash"
    assert metadata["scopes_supported"] == ["notes:read"]


def test_a_token_without_the_scope_is_told_so(server, url) -> None:
    refused = ask(url, server.login("bob", PASSWORD)["access_token"])
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("kind", ["refresh token", "for another audience"])
def test_a_token_that_is_not_meant_for_the_server_is_refused(server, url, kind) -> None:
    if kind == "refresh token":
        token = server.login("alice", PASSWORD)["refresh_token"]
    else:
        auth = Auth(
            f"sqlite:///{server.database}", issuer=f"http://localhost:{server.port}", audience="other"
        )
        token = auth.login("alice", PASSWORD).access_token
        auth.close()
    assert ask(url, token).status_code == 401
