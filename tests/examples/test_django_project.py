"""The Django project, served by real servers of others: WSGI and ASGI, several workers, preloaded."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_projects import PASSWORD, DjangoProject
from watchword_servers import ServerProcess, clean_environment, free_port, until

_UWSGI = (
    "uwsgi --master --processes 2 --module mysite.wsgi:application --need-app --die-on-term "
    "--virtualenv {virtualenv} --pythonpath . --listen 100 --http-socket 127.0.0.1:{port}"
)
SERVERS = {
    "gunicorn-preload": "gunicorn mysite.wsgi --preload --workers 2 --bind 127.0.0.1:{port}",
    "uwsgi": _UWSGI,
    "uvicorn": "uvicorn mysite.asgi:application --workers 2 --port {port}",
    "granian-asgi": "granian --interface asgi mysite.asgi:application --workers 2 --port {port}",
    "runserver": "python manage.py runserver {port}",
}


@contextlib.contextmanager
def serve(project: DjangoProject, name: str) -> Iterator[ServerProcess]:
    port = free_port()
    program, *arguments = SERVERS[name].format(port=port, virtualenv=sys.prefix).split()
    server = ServerProcess(
        project.folder,
        [str(Path(sys.executable).with_name(program)), *arguments],
        clean_environment({"HOME": str(project.folder), "WATCHWORD_SECRET": "s" * 40, "DJANGO_DEBUG": "1"}),
        port,
        probe="/",
    )
    try:
        until(server.is_serving, "the project answers")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = DjangoProject(tmp_path_factory.mktemp("django"))
    made.add_alice()
    return made


@pytest.mark.parametrize("name", SERVERS)
def test_a_user_logs_in_and_out_of_the_project(project, name):
    with serve(project, name) as server:

        def read(path, token=None):
            answer = server.request("GET", path, token=token)
            return answer.status, answer.json

        assert read("/") == (200, {"hello": "stranger"})
        assert read("/profile")[0] == 401
        credentials = {"username": "alice", "password": PASSWORD}
        token = server.request("POST", "/auth/login", credentials).json["access_token"]
        assert read("/", token) == (200, {"hello": "alice"})
        assert read("/profile", token)[1]["name"] == "alice"
        assert read("/reports", token) == (200, {"reports of": "alice"})
        assert read("/auth/me", token)[1]["scope"] == "reports"
        assert server.request("DELETE", "/sessions", token=token).status == 200
        until(
            lambda: {read("/profile", token)[0] for _ in range(6)} == {401}, "each worker refuses", within=5
        )
