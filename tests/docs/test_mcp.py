"""The servers and the client of docs/mcp.md run, beside `watchword serve`."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from mcp_clients import CLIENTS, METADATA, PASSWORD, serve_logins, wait_for_refusal
from watchword_servers import Server, free_port

DOCUMENT = Path("docs/mcp.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL))
EXAMPLE = Path("examples/mcp_server.py").read_text("utf-8")


@pytest.fixture(scope="module")
def url() -> str:
    return f"http://127.0.0.1:{free_port()}/mcp"


@pytest.fixture(scope="module")
def server(tmp_path_factory, url: str) -> Iterator[Server]:
    with serve_logins(tmp_path_factory.mktemp("login"), url) as server:
        yield server


@pytest.fixture(scope="module")
def fastmcp_server(server, url, start_program_once) -> None:
    port = urlsplit(url).port
    script = server.directory / "fastmcp_server.py"
    script.write_text(f'{BLOCKS["fastmcp"]}\nserver.run(transport="http", port={port}, show_banner=False)\n')
    start_program_once(
        [sys.executable, script],
        server.directory,
        port,
        probe=METADATA,
        WATCHWORD_ISSUER=f"http://localhost:{server.port}",
        WATCHWORD_AUDIENCE=url,
    )


def test_every_block_is_run_here() -> None:
    assert set(BLOCKS) == {"sdk", "fastmcp", "client", "elsewhere"}


def test_the_server_of_the_sdk_is_the_example() -> None:
    assert BLOCKS["sdk"] in EXAMPLE  # which tests/examples runs


def test_mypy_accepts_the_server_of_fastmcp(tmp_path) -> None:
    (tmp_path / "fastmcp_server.py").write_text(BLOCKS["fastmcp"])
    options = ["--strict", "--warn-unused-ignores", "--config-file=", "--cache-dir", tmp_path / "cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, tmp_path / "fastmcp_server.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("connect", CLIENTS.values(), ids=CLIENTS)
def test_access_to_fastmcp_ends_soon_after_all_sessions_of_the_user_end(
    server, url, fastmcp_server, connect
) -> None:
    token = server.login("alice", PASSWORD)["access_token"]

    async def use() -> float:
        async with connect(url, token) as call:
            assert await call("list_notes") == ["buy tea"]
            assert server.request("POST", "/auth/logout-all", token=token).status == 204
            return await wait_for_refusal(call, "list_notes")

    assert asyncio.run(use()) < 1.5


def test_the_client_of_the_page_reads_the_notes(server, url, fastmcp_server) -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS["client"], "docs/mcp.md, client", "exec"), names)
    token = server.login("alice", PASSWORD)["access_token"]
    assert asyncio.run(names["read_notes"](url, token)) == ["buy tea"]


def test_a_verifier_elsewhere_learns_nothing_of_a_logout(server, url) -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS["elsewhere"], "docs/mcp.md, elsewhere", "exec"), names)
    verifier = names["make_verifier"](f"http://localhost:{server.port}", url)
    tokens = server.login("alice", PASSWORD)

    async def verify() -> list[str | None]:
        found = [await verifier.verify_token(tokens[kind]) for kind in ("access_token", "refresh_token")]
        server.request("POST", "/auth/logout", token=tokens["access_token"])
        found.append(await verifier.verify_token(tokens["access_token"]))
        return [token and token.resource for token in found]

    assert asyncio.run(verify()) == [url, None, url]


@pytest.mark.parametrize(
    ("who", "status", "challenge"),
    [
        (None, 401, r"Bearer .*resource_metadata=\"{metadata}\""),
        ("nobody", 401, r"Bearer error=\"invalid_token\".*resource_metadata=\"{metadata}\""),
        ("bob", 403, r"Bearer error=\"insufficient_scope\".*"),
    ],
)
def test_a_request_gets_what_the_table_says(server, url, fastmcp_server, who, status, challenge) -> None:
    headers = {}
    if who is not None:
        token = "a.b.c" if who == "nobody" else server.login(who, PASSWORD)["access_token"]
        headers["Authorization"] = f"Bearer {token}"
    answer = requests.post(url, headers=headers, json={}, timeout=20)
    assert answer.status_code == status
    metadata = re.escape(url.replace("/mcp", METADATA))
    assert re.match(challenge.format(metadata=metadata), answer.headers["WWW-Authenticate"])


def test_the_metadata_of_fastmcp_name_the_issuer_as_the_tokens_do(server, url, fastmcp_server) -> None:
    metadata = requests.get(url.replace("/mcp", METADATA), timeout=20).json()
    assert metadata["authorization_servers"] == [f"http://localhost:{server.port}"]
    assert metadata["resource"] == url
