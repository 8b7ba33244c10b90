"""Clients of MCP servers: the SDK's and FastMCP's, over streamable HTTP. And a server for their logins."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import fastmcp
import httpx2
import mcp
from mcp.client.streamable_http import streamable_http_client
from watchword_servers import PATIENCE, Server, starting

from watchword import Auth

__all__ = ["CLIENTS", "METADATA", "PASSWORD", "Refused", "Tool", "serve_logins", "wait_for_refusal"]

METADATA = "/.well-known/oauth-protected-resource/mcp"
PASSWORD = "correct horse battery"

Tool = Callable[[str], Awaitable[Any]]
"""Calls a tool by its name, and returns what is in its result."""


class Refused(Exception):
    """The server has refused a request."""


@asynccontextmanager
async def connect_sdk(url: str, token: str, *, mode: str = "auto") -> AsyncIterator[Tool]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        mcp.Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):

        async def call(tool: str) -> Any:
            try:
                return (await client.call_tool(tool)).structured_content["result"]
            except mcp.MCPError as error:
                raise Refused(str(error)) from error

        yield call


@asynccontextmanager
async def connect_sdk_with_session(url: str, token: str) -> AsyncIterator[Tool]:
    """As clients before 2026-07-28 do: a session on the server, and a stream that stays open."""
    async with connect_sdk(url, token, mode="legacy") as call:
        yield call


@asynccontextmanager
async def connect_fastmcp(url: str, token: str) -> AsyncIterator[Tool]:
    async with fastmcp.Client(url, auth=token) as client:

        async def call(tool: str) -> Any:
            try:
                return (await client.call_tool(tool)).structured_content["result"]
            except mcp.MCPError as error:
                raise Refused(str(error)) from error

        yield call


CLIENTS = {"sdk": connect_sdk, "sdk, with a session": connect_sdk_with_session, "fastmcp": connect_fastmcp}


async def wait_for_refusal(call: Tool, name: str) -> float:
    """Call a tool until the server refuses; the second in which the last call was sent that it accepted."""
    started, accepted = time.monotonic(), 0.0
    while (sent := time.monotonic() - started) < PATIENCE:
        try:
            await call(name)
        except Refused:
            return accepted
        accepted = sent
        await anyio.sleep(0.02)
    raise AssertionError(f"the server did not refuse within {PATIENCE} s")


@contextmanager
def serve_logins(directory: Path, url: str) -> Iterator[Server]:
    """`watchword serve`, whose tokens are for this URL: alice may read notes, and bob may not."""
    with starting() as start:
        server = start(directory, WATCHWORD_ISSUER=None, WATCHWORD_AUDIENCE=url)
        auth = Auth(f"sqlite:///{server.database}", issuer=f"http://localhost:{server.port}", audience=url)
        auth.accounts.add("alice", PASSWORD, ["notes:read"])
        auth.accounts.add("bob", PASSWORD, ["other"])
        auth.close()
        yield server
