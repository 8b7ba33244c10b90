"""manage.py watchword ..., in a real project."""

from __future__ import annotations

import pytest
from django_projects import ACCOUNTS, DjangoProject

SECOND = """
from django.urls import path
from watchword import Settings
from watchword.web.django import Watchword
staff = Watchword(settings=Settings(prefix="/staff/auth", audience="staff", database_url="sqlite:///staff.db"))
urlpatterns += [path("", staff.urls)]
"""


@pytest.fixture
def project(tmp_path):
    return DjangoProject(tmp_path, ACCOUNTS)


def add(project, *arguments):
    return project.manage(
        "watchword",
        *arguments,
        "account",
        "add",
        "alice",
        "--password-stdin",
        given="correct horse battery\n",
    )


def test_an_account_is_added_in_the_project_s_own_database(project):
    added = add(project)
    assert added.stdout.startswith("Added alice (subject ")
    assert f"Made a new database: {project.folder}/watchword.db" in added.stderr
    assert '"event": "account_created"' in added.stderr
    assert "alice" in project.manage("watchword", "account", "list").stdout


def test_in_a_project_of_django_users_the_commands_for_accounts_say_what_logs_in(tmp_path, project):
    note = "Accounts cannot log in to this project, because Django's users do."
    assert note not in add(project).stderr
    other = DjangoProject(tmp_path / "other")
    added = add(other)
    assert added.stderr.startswith(note)
    assert note not in other.manage("watchword", "key", "list").stderr


def test_options_of_django_are_not_for_the_command(project):
    add(project)
    for arguments in (
        ["--settings=mysite.settings", "account", "list"],
        ["account", "list", "--pythonpath", "."],
    ):
        assert "alice" in project.manage("watchword", *arguments).stdout


def test_the_other_groups_know_the_database_too(project):
    project.manage("migrate")
    assert "newest schema" in project.manage("watchword", "database", "status").stdout
    assert "kid" in project.manage("watchword", "key", "list").stdout
    assert "Verify" in project.manage("watchword", "token", "--help").stdout


def test_mistakes_are_sentences_with_the_next_step(project):
    shown = project.manage("watchword", "account", "list", status=1).stderr
    assert f"there is no database {project.folder}/watchword.db" in shown
    assert "python manage.py migrate" in shown
    assert "No such command" in project.manage("watchword", "sesame", status=2).stderr
    project.add_settings('WATCHWORD["ISSUR"] = "x"')
    shown = project.manage("watchword", "key", "list", status=1).stderr
    assert 'Error: WATCHWORD["ISSUR"] is not a setting. Did you mean ISSUER?' in shown


def test_a_prefix_names_another_extension(project):
    with (project.folder / "mysite" / "urls.py").open("a") as file:
        file.write(SECOND)
    add(project, "--prefix", "/staff/auth")
    assert (project.folder / "staff.db").exists()
    assert not (project.folder / "watchword.db").exists()
    shown = project.manage("watchword", "--prefix", "/x", "key", "list", status=1).stderr
    assert "Its extensions have: '/auth', '/staff/auth'" in shown


def test_a_project_without_accounts_says_so(tmp_path):
    project = DjangoProject(
        tmp_path,
        "from watchword import Key, Verifier\nWATCHWORD = {'AUTH': Verifier(Key.generate('HS256'))}",
    )
    assert "no accounts and keys" in project.manage("watchword", "key", "list", status=1).stderr


def test_it_can_be_called_from_python(project):
    add(project)
    code = (
        "from io import StringIO; from django.core.management import CommandError, call_command\n"
        "out = StringIO(); call_command('watchword', 'account', 'list', stdout=out)\n"
        "assert 'alice' in out.getvalue()\n"
        "try:\n    call_command('watchword', 'account', 'disable', 'bob')\n"
        "except CommandError as error:\n    print('refused', error)"
    )
    assert "refused" in project.manage("shell", "--verbosity", "0", "-c", code).stdout


# -- migrate -------------------------------------------------------------------------------------------


def test_migrate_makes_and_upgrades_the_tables_and_says_so(project):
    first = project.manage("migrate").stdout
    assert "Watchword: Made the tables, with schema version" in first
    assert (project.folder / "watchword.db").exists()
    assert "is the newest already" in project.manage("migrate").stdout
    assert "Watchword" not in project.manage("migrate", "--verbosity", "0").stdout


def test_migrate_of_another_database_leaves_the_store_alone(tmp_path):
    project = DjangoProject(
        tmp_path, 'DATABASES["other"] = {**DATABASES["default"], "NAME": BASE_DIR / "o.db"}'
    )
    assert "Watchword" not in project.manage("migrate", "--database", "other").stdout
    assert not (project.folder / "watchword.db").exists()


TESTS = """
from django.contrib.auth.models import User
from django.test import TestCase, TransactionTestCase

from watchword.testing import fresh_store
from watchword.web.django import auth


class Fresh:
    def setUp(self):
        self.auth = self.enterContext(fresh_store())

    def test_one(self):
        user = User.objects.create_user("alice", password="correct horse battery")
        body = {"username": "alice", "password": "correct horse battery"}
        tokens = self.client.post("/auth/login", body, content_type="application/json").json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        self.assertEqual(self.client.get("/profile", headers=headers).json()["name"], "alice")
        self.assertEqual(len(self.auth.sessions(str(user.pk))), 1)

    test_two = test_one


class InATransaction(Fresh, TestCase):
    pass


class WithRealTransactions(Fresh, TransactionTestCase):
    pass
"""


def test_the_tests_of_a_project_touch_no_database_of_its_own(project, tmp_path):
    project = DjangoProject(tmp_path / "own_users")
    (project.folder / "mysite" / "tests.py").write_text(TESTS)
    ran = project.manage("test", "--verbosity", "2")
    assert "Ran 4 tests" in ran.stderr
    assert "Watchword:" not in ran.stdout
    assert not list(project.folder.glob("watchword.db*"))
