"""The projects in one file, DRF and ninja, set up and served as their first lines say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from watchword_servers import PATIENCE, ServerProcess, clean_environment, free_port, until

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct horse battery staple"
ADD_BOB = f"""
from django.contrib.auth.models import User
User.objects.create_user("bob", password="{PASSWORD}")
"""
COMMANDS = {
    "drf_app": "gunicorn drf_app --workers 2 --bind 127.0.0.1:{port}",
    "ninja_app": "uvicorn ninja_app:application --workers 2 --port {port}",
}


class Served(NamedTuple):
    server: ServerProcess

    def read(self, path: str, token: str | None = None) -> tuple[int, Any]:
        answer = self.server.request("GET", path, token=token)
        return answer.status, answer.json

    def log_in(self, username: str) -> str:
        answer = self.server.request("POST", "/auth/login", {"username": username, "password": PASSWORD})
        assert answer.status == 200, answer.body
        return str(answer.json["access_token"])


@pytest.fixture(scope="module", params=COMMANDS)
def served(request, tmp_path_factory, start_program_once) -> Served:
    name, port = request.param, free_port()
    folder = tmp_path_factory.mktemp(name)
    shutil.copy(EXAMPLES / f"{name}.py", folder)
    environment = {
        "HOME": str(folder),
        "WATCHWORD_SECRET": "s" * 40,
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PUBLIC_URL": f"http://localhost:{port}",
    }
    for command in (
        "migrate",
        "createsuperuser --noinput --username alice --email alice@example.com",
    ):
        run(folder, environment, f"{name}.py", *command.split())
    run(folder, environment, f"{name}.py", "shell", "-c", ADD_BOB)
    program, *arguments = COMMANDS[name].format(port=port).split()
    return Served(
        start_program_once(
            [Path(sys.executable).with_name(program), *arguments],
            folder,
            port,
            probe="/.well-known/jwks.json",
            **environment,
        ),
    )


def run(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_user_reads_and_an_administrator_writes(served):
    assert served.read("/notes")[0] == 401
    alice, bob = served.log_in("alice"), served.log_in("bob")
    assert served.read("/notes", bob) == (200, [])
    post = {"text": "buy tea"}
    assert served.server.request("POST", "/notes", post, token=bob).status == 403
    assert served.server.request("POST", "/notes", post, token=alice).status == 201


@pytest.mark.parametrize("served", ["drf_app"], indirect=True)
def test_a_new_password_ends_the_sessions(served):
    token = served.log_in("bob")
    weak = served.server.request("POST", "/password", {"password": "short"}, token=token)
    assert (weak.status, weak.json.keys()) == (400, {"password"})
    assert served.server.request("POST", "/password", {"password": PASSWORD}, token=token).status == 204
    until(
        lambda: {served.read("/notes", token)[0] for _ in range(6)} == {401}, "the session is over", within=5
    )
    assert served.read("/notes", served.log_in("bob"))[0] == 200


@pytest.mark.parametrize("served", ["ninja_app"], indirect=True)
def test_the_user_of_the_token_is_djangos_and_the_document_has_a_lock(served):
    assert served.read("/profile", served.log_in("bob")) == (200, {"name": "bob", "email": ""})
    document = served.read("/openapi.json")[1]
    assert document["paths"]["/notes"]["get"]["security"] == [{"WatchwordBearer": []}]
