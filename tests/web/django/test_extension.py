"""The extension of a project: what imports, stores and settings do to it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.test import override_settings
from django_projects import ACCOUNTS, DjangoProject

from watchword import Key, Settings, Verifier
from watchword.testing import fresh_store
from watchword.web.django import Watchword, auth

IMPORT = """
import sys, threading
from watchword.web.django import IdentityMiddleware, Watchword, auth, protect

@protect(scopes="a")
def view(request):
    pass

assert auth._installation is None and threading.active_count() == 1
"""


def test_it_is_imported_without_settings_and_opens_nothing():
    subprocess.run([sys.executable, "-W", "error", "-c", IMPORT], check=True, timeout=60)


def test_a_server_does_not_start_with_settings_that_cannot_be_used(tmp_path):
    project = DjangoProject(tmp_path, 'WATCHWORD["ISSUR"] = "x"')
    shown = project.run("-c", "import mysite.wsgi", status=1).stderr
    assert shown.endswith('InvalidSettings: WATCHWORD["ISSUR"] is not a setting. Did you mean ISSUER?\n')


def test_a_server_does_not_start_without_the_app_that_ends_the_sessions_of_users(tmp_path):
    project = DjangoProject(tmp_path, 'INSTALLED_APPS.remove("watchword.web.django")')
    shown = project.run("-c", "import mysite.wsgi", status=1).stderr
    assert "InvalidSettings: 'watchword.web.django' is not in INSTALLED_APPS" in shown
    project.add_settings(ACCOUNTS)  # Accounts are not Django's, so no signal ends their sessions.
    project.run("-c", "import mysite.wsgi")


def test_a_server_that_starts_opens_nothing_before_the_first_token(tmp_path):
    project = DjangoProject(tmp_path)
    project.run("-c", "import threading, mysite.wsgi, mysite.urls; assert threading.active_count() == 1")
    assert not list(project.folder.glob("watchword.db*"))


def test_a_fresh_store_ends_with_its_test_and_the_store_before_is_back():
    first = auth.core
    first.start("7")
    with fresh_store() as fresh:
        assert auth.core is fresh
        assert fresh is not first
        with fresh_store() as inner:
            inner.start("7")
        assert auth.core is fresh
        assert fresh.sessions("7") == []
    assert auth.core is first
    assert len(auth.core.sessions("7")) == 1


def test_every_extension_has_a_fresh_store(tmp_path):
    database = tmp_path / "staff.db"
    staff = Watchword(settings=Settings(database_url=f"sqlite:///{database}", audience="staff"))
    with fresh_store():
        assert staff.core.stores.in_memory
    assert not database.exists()


def test_a_change_of_settings_in_a_test_never_leads_to_the_project_s_own_store(tmp_path):
    changed = {"DATABASE_URL": f"sqlite:///{tmp_path}/own.db", "AUDIENCE": "changed"}
    with fresh_store(), override_settings(WATCHWORD=changed):
        assert auth.core.settings.audience == "changed"
        assert auth.core.stores.in_memory
    assert not list(tmp_path.iterdir())


def test_an_extension_with_a_verifier_has_a_guard_only():
    extension = Watchword(auth=Verifier(Key.generate("HS256")))
    with pytest.raises(TypeError, match="given a Verifier"):
        _ = extension.core
    with fresh_store():
        assert extension.installation.endpoints is None


def test_the_store_is_opened_and_closed_by_hand():
    extension = Watchword(settings=Settings(database_url="sqlite://"))
    extension.close()
    extension.open()
    before = extension.desk
    extension.close()
    assert extension.core is not before
    extension.close()
