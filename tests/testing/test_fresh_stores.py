"""A fresh store for each test of a project, with pytest and without."""

from __future__ import annotations

import subprocess
import sys

from django_projects import ACCOUNTS, DjangoProject
from watchword_servers import clean_environment

TESTS = """
import pytest

from watchword.web.django import auth

pytest_plugins = ["watchword.testing.plugin"]


@pytest.mark.parametrize("number", [1, 2])
def test_each_test_has_a_store_of_its_own(fresh_store, number):
    assert auth.core is fresh_store
    assert fresh_store.sessions("7") == []
    fresh_store.start("7")
    assert len(auth.core.sessions("7")) == 1
"""
CONFTEST = """
import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
django.setup()
"""


def test_the_fixture_of_pytest(tmp_path):
    project = DjangoProject(tmp_path, ACCOUNTS)
    (project.folder / "conftest.py").write_text(CONFTEST)
    (project.folder / "test_project.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=project.folder,
        env=clean_environment({"HOME": str(tmp_path), "PYTHONPATH": "."}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert not list(project.folder.glob("watchword.db*"))


def test_the_tests_of_an_application_need_neither_pytest_nor_django_to_import_this():
    code = (
        "import sys; import watchword.testing\n"
        "assert not {'pytest', 'django'} & sys.modules.keys(), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
