"""Every block of docs/django.md runs in a project of django-admin, and does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from watchword_servers import clean_environment

from watchword.web.django import checks
from watchword.web.django.configuration import OWN_ENTRIES

DOCUMENT = Path("docs/django.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL))
PREPARE = """
import json
from django.contrib.auth.models import Group, User
from django.test import Client

user = User.objects.create_user("alice", password="correct horse battery")
user.groups.add(Group.objects.get_or_create(name="reports")[0])
client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
credentials = {"username": "alice", "password": "correct horse battery"}


def log_in():
    return client.post("/auth/login", credentials, content_type="application/json").json()


def bear(token):
    return {"Authorization": f"Bearer {token}"}
"""


class DocumentedProject:
    """The project that the page tells to make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mysite"
        self._run([str(Path(sys.executable).with_name("django-admin")), "startproject", "mysite"], folder)
        self.write("settings.py", (self.folder / "mysite/settings.py").read_text() + BLOCKS["settings"])
        self.write("urls.py", BLOCKS["urls"])
        self.write("views.py", BLOCKS["views"])

    def write(self, file: str, text: str) -> None:
        (self.folder / "mysite" / file).write_text(text)

    def manage(self, *arguments: str) -> str:
        return self._run([sys.executable, "-W", "error", "manage.py", *arguments], self.folder)

    def run(self, code: str) -> None:
        """Run code in the shell of the project, with a user and a client."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("shell", "--verbosity", "0", "-c", PREPARE + code)

    def _run(self, command: list[str], folder: Path) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env=clean_environment({"HOME": str(folder)}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path):
    return DocumentedProject(tmp_path)


def test_every_block_is_run_here():
    assert set(BLOCKS) == {
        "settings", "urls", "views", "own login", "own format", "two extensions", "a test case",
    }  # fmt: skip


def test_the_project_does_what_the_page_says(project):
    assert "no issues" in project.manage("check")
    assert "Watchword: Made the tables, with schema version" in project.manage("migrate")
    project.run(
        """
token = log_in()["access_token"]
assert client.get("/profile").status_code == 401
assert client.get("/profile", headers=bear(token)).json() == {"name": "alice", "subject": str(user.pk)}
assert client.get("/reports", headers=bear(token)).json() == {"reports of": "alice"}
assert client.post("/danger", headers=bear(token)).json() == {"done": True}
assert client.get("/").json() == {"hello": "stranger"}
assert client.get("/", headers=bear(token)).json() == {"hello": "alice"}
assert client.get("/admin/", headers=bear(token)).status_code == 302
user.set_password("another battery staple"); user.save()
assert client.get("/profile", headers=bear(token)).status_code == 401
"""
    )


def test_the_own_login_and_the_own_format(project):
    settings = (project.folder / "mysite/settings.py").read_text()
    project.write(
        "settings.py",
        settings + 'MIDDLEWARE.insert(-1, "mysite.formats.write_errors")\n'
        'WATCHWORD["ENDPOINTS"] = {"login": False}\n',
    )
    project.write("formats.py", BLOCKS["own format"])
    project.write("views.py", BLOCKS["views"] + BLOCKS["own login"])
    project.write("urls.py", BLOCKS["urls"] + 'urlpatterns += [path("login", views.login)]\n')
    project.run(
        """
assert client.post("/login", credentials).json()["welcome"] is True
assert client.post("/login", {"username": "alice"}).json() == {"code": "invalid_request"}
assert client.post("/auth/login", credentials, content_type="application/json").status_code == 404
credentials["password"] = "a guess"
assert client.post("/login", credentials).json() == {"code": "invalid_credentials"}
refused = client.get("/profile")
assert (refused.status_code, refused.json()) == (401, {"code": "missing_token"})
assert refused["WWW-Authenticate"] == "Bearer"
"""
    )


def test_customers_and_staff_are_apart(project):
    project.write("urls.py", BLOCKS["two extensions"])
    project.run(
        """
from mysite.urls import staff
from django.urls import reverse

customer = log_in()["access_token"]
employee = staff.core.start("9").access_token
assert client.get("/orders", headers=bear(customer)).json() == {"customer": str(user.pk)}
assert client.get("/orders", headers=bear(employee)).status_code == 401
assert client.get("/staff/orders", headers=bear(employee)).json() == {"employee": "9"}
assert client.get("/staff/orders", headers=bear(customer)).status_code == 401
assert reverse("watchword:login") == "/auth/login"
assert reverse("watchword_staff_auth:login") == "/staff/auth/login"
"""
    )
    assert "subject" in project.manage("watchword", "--prefix", "/staff/auth", "account", "list")


def test_the_test_case_passes(project):
    project.write("tests.py", BLOCKS["a test case"])
    assert "Ran 1 test" in project.manage("test")
    assert not list(project.folder.glob("watchword.db*"))


def test_the_page_lists_every_check_and_every_entry():
    sources = [Path(checks.__file__), *Path("src/watchword/diagnosis").glob("*.py")]
    sources.append(Path("src/watchword/web/django/configuration.py"))
    used = set(re.findall(r'"([EW]\d{3})"', "".join(source.read_text() for source in sources)))
    assert used == set(re.findall(r"`watchword\.([EW]\d{3})`", DOCUMENT))
    table = DOCUMENT.partition("| entry |")[2].partition("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Z_]+)`", "".join(first_cells))) == OWN_ENTRIES
