"""docs/http.md says what the HTTP API does: its examples are sent in order and answered as they stand."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.oauth2.rfc8414 import get_well_known_url
from gateways import write_nginx
from starlette.testclient import TestClient
from watchword_servers import PATIENCE, Server, free_port, starting

from watchword import Auth, Verifier, errors
from watchword.web.credentials import to_public_code
from watchword.web.endpoints import Endpoints

DOCUMENT = Path("docs/http.md").read_text("utf-8")
BLOCKS = re.findall(r"```http\n(.*?)```", DOCUMENT, re.DOTALL)
EXCHANGES = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))
ERRORS = set(re.findall(r"^\| `(\w+)` \| (\d+) \|", DOCUMENT, re.MULTILINE))
FOR_HTTP = [kind for name in errors.__all__ if (kind := getattr(errors, name)).status is not None]


def shape(content: Any) -> Any:
    """What is promised of a JSON value: its members and their types, whatever their values."""
    if isinstance(content, dict):
        return {name: shape(value) for name, value in content.items()}
    if isinstance(content, list):
        return [shape(value) for value in content]
    return "number" if type(content) in {int, float} else type(content).__name__


def parsed(block: str) -> tuple[str, dict[str, str], str]:
    """The first line, the headers, the body."""
    head, _, body = block.partition("\n\n")
    first, *headers = head.strip().splitlines()
    return first, dict(line.split(": ", 1) for line in headers), body.strip()


def find_block(language: str) -> str:
    """The only block of a language on the page."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(block)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`watchword serve` with an account, under the issuer of the page."""
    with starting() as start:
        server = start(tmp_path_factory.mktemp("served"), WATCHWORD_ISSUER="http://localhost:8000")
        with closing(Auth(f"sqlite:///{server.database}")) as auth:
            auth.accounts.add("alice", "correct horse battery", ("read", "write"))
        yield server


def test_every_example_is_answered_as_it_says(server: Server) -> None:
    tokens: dict[str, Any] = {}

    for asked, answered in EXCHANGES:
        for name, value in tokens.items():
            asked = asked.replace(f"<{name}>", str(value))  # noqa: PLW2901 -- filled in
        line, headers, body = parsed(asked)
        method, path = line.split()
        answer = server.request(method, path, body.encode(), headers={"User-Agent": "Mozilla/5.0"} | headers)
        status, expected, content = parsed(answered)

        assert answer.status == int(status), line
        assert {name: answer.headers[name] for name in expected} == expected
        if not content:
            assert answer.body == b""
            continue
        assert shape(answer.json) == shape(json.loads(content))
        if "error" in answer.json:
            assert answer.json == json.loads(content)
        if "access_token" in answer.json:
            tokens = answer.json


def test_the_life_of_a_session_works_from_a_shell(server: Server, find_part: Callable[[str], Path]) -> None:
    find_part("curl")
    find_part("jq")
    script = find_block("sh").replace("http://localhost:8000", f"http://127.0.0.1:{server.port}")
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert '"username":"alice"' in ran.stdout
    assert "HTTP/1.1 204" in ran.stdout
    with closing(Auth(f"sqlite:///{server.database}")) as auth:
        assert auth.sessions(auth.accounts.find("alice").subject) == []


def test_an_issuer_below_a_path_is_found_behind_nginx(
    tmp_path: Path, find_part: Callable[[str], Path], start_program_once: Callable[..., Any]
) -> None:
    port = free_port()
    issuer = f"http://localhost:{port}/login"
    with starting() as start:
        served = start(tmp_path, WATCHWORD_ISSUER=issuer)
        locations = find_block("nginx").replace("127.0.0.1:8000", f"127.0.0.1:{served.port}")
        recipe = f"server {{\nlisten 127.0.0.1:{port};\n{locations}}}\n"
        command = write_nginx(find_part("nginx"), tmp_path, recipe)
        start_program_once(command, tmp_path, port, probe="/login/healthz")

        token = served.login()["access_token"]
        assert Verifier.from_issuer(issuer, audience="watchword", typ="at+jwt").verify(token)["iss"] == issuer
        for well_known in ("oauth-authorization-server", "openid-configuration"):
            for url in (f"{issuer}/.well-known/{well_known}", get_well_known_url(issuer, True, well_known)):
                assert requests.get(url, timeout=PATIENCE).json()["issuer"] == issuer


def test_an_issuer_below_a_path_is_found_in_an_application_that_is_mounted() -> None:
    names: dict[str, Any] = {}
    exec(find_block("python"), names)
    with TestClient(names["app"], base_url="https://example.com") as client:
        for well_known in ("oauth-authorization-server", "openid-configuration"):
            for path in (f"/login/.well-known/{well_known}", f"/.well-known/{well_known}/login"):
                metadata = client.get(path).json()
                assert metadata["issuer"] == "https://example.com/login"
        assert client.get(metadata["jwks_uri"]).json()["keys"]
        assert client.post(metadata["token_endpoint"], data={"a": "b"}).json()["error"] == "invalid_request"
    names["auth"].close()


def test_every_endpoint_is_documented() -> None:
    auth = Auth("sqlite://")
    routes = Endpoints(lambda: auth, auth.settings).routes
    auth.close()

    assert [route for route in routes if f"`{route.methods[0]} {route.path}`" not in DOCUMENT] == []


@pytest.mark.parametrize("kind", FOR_HTTP, ids=lambda kind: kind.__name__)
def test_every_error_that_reaches_http_is_documented(kind: type[errors.WatchwordError]) -> None:
    assert (to_public_code(kind()), str(kind.status)) in ERRORS
