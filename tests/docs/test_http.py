"""docs/http.md says what the HTTP API does: its examples are sent in order and answered as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from watchword import Auth, Settings, errors
from watchword.server.app import create_app
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


def test_every_example_is_answered_as_it_says(tmp_path: Path) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/app.db"))
    auth = app.extensions["watchword"].desk
    auth.accounts.add("alice", "correct horse battery", ("read", "write"))
    client, tokens = app.test_client(), {}

    for asked, answered in EXCHANGES:
        for name, value in tokens.items():
            asked = asked.replace(f"<{name}>", str(value))  # noqa: PLW2901 -- filled in
        line, headers, body = parsed(asked)
        method, path = line.split()
        answer = client.open(path, method=method, headers=headers, data=body)
        status, expected, content = parsed(answered)

        assert answer.status_code == int(status), line
        assert {name: answer.headers[name] for name in expected} == expected
        if not content:
            assert answer.data == b""
            continue
        assert shape(answer.get_json()) == shape(json.loads(content))
        if "error" in answer.get_json():
            assert answer.get_json() == json.loads(content)
        if "access_token" in answer.get_json():
            tokens = answer.get_json()
    auth.close()


def test_every_endpoint_is_documented() -> None:
    auth = Auth("sqlite://")
    routes = Endpoints(lambda: auth, auth.settings).routes
    auth.close()

    assert [route for route in routes if f"`{route.methods[0]} {route.path}`" not in DOCUMENT] == []


@pytest.mark.parametrize("kind", FOR_HTTP, ids=lambda kind: kind.__name__)
def test_every_error_that_reaches_http_is_documented(kind: type[errors.WatchwordError]) -> None:
    assert (to_public_code(kind()), str(kind.status)) in ERRORS
