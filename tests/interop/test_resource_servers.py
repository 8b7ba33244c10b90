"""A service in another process verifies our tokens, and knows only the URL of the issuer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from watchword_servers import ServerProcess, free_port

from watchword import Key

SERVERS = {
    "flask": ("gunicorn", "flask_api:app", "--bind", "127.0.0.1:{port}"),
    "starlette": ("uvicorn", "starlette_api:app", "--port", "{port}"),
}


@pytest.fixture(scope="module")
def start_service(tmp_path_factory, start_program_once) -> Callable[..., ServerProcess]:
    """Starts a service that verifies the tokens of a login service."""

    def start(name: str, login: Any) -> ServerProcess:
        port = free_port()
        program, *arguments = (part.format(port=port) for part in SERVERS[name])
        return start_program_once(
            [Path(sys.executable).with_name(program), *arguments],
            tmp_path_factory.mktemp(name),
            port,
            probe="/open",
            PYTHONPATH=str(Path(__file__).parent / "resource_servers"),
            ISSUER=login.issuer,
            AUDIENCE="watchword",
        )

    return start


@pytest.fixture(scope="module", params=SERVERS)
def service(request, login, start_service) -> ServerProcess:
    return start_service(request.param, login)


def test_the_url_of_the_issuer_is_enough_to_verify_its_tokens(login, service) -> None:
    token = login.start()["access_token"]
    answer = service.request("GET", "/reports", token=token)
    assert (answer.status, answer.json) == (200, {"subject": login.auth.authenticate(token).subject})


BAD_TOKENS = {
    "for another audience": (401, lambda login: login.issue_for("https://other.example")),
    "of another issuer": (401, lambda login: login.sign("https://other.example")),
    "of another type": (401, lambda login: login.sign(typ="JWT")),
    "expired": (401, lambda login: login.sign(age=100_000)),
    "signed by an unknown key": (401, lambda login: login.sign(key=Key.generate("ES256"))),
    "a refresh token": (401, lambda login: login.start()["refresh_token"]),
    "without the scope": (403, lambda login: login.auth.start("user-2").access_token),
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_refused(login, service, kind) -> None:
    status, make = BAD_TOKENS[kind]
    assert service.request("GET", "/reports", token=make(login)).status == status


def test_the_known_keys_verify_while_the_issuer_is_away(start_service, start_login) -> None:
    issuer = start_login()
    first, second = issuer.start()["access_token"], issuer.start()["access_token"]
    service = start_service("flask", issuer)
    assert service.request("GET", "/reports", token=first).status == 200
    issuer.server.stop()
    assert service.request("GET", "/reports", token=second).status == 200
    assert service.request("GET", "/reports", token=f"{second}x").status == 401


def test_a_service_that_has_no_keys_yet_says_so_and_not_that_the_token_is_bad(
    start_service, start_login
) -> None:
    issuer = start_login()
    token = issuer.start()["access_token"]
    issuer.server.stop()
    answer = start_service("starlette", issuer).request("GET", "/reports", token=token)
    assert (answer.status, answer.json["error"]) == (503, "keys_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
