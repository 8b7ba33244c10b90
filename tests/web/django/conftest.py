"""What the tests of this folder share: a Django project, whose URLs and settings each test gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path
from django_setup import configure_django

configure_django()

from watchword.web.django import auth  # noqa: E402 -- as a project does it, after the settings


class Urls:
    """A URLconf that is not a module. Django keeps a resolver for each."""

    def __init__(self, patterns: tuple[Any, ...]) -> None:
        self.urlpatterns = [path("", include("watchword.web.django.urls")), *patterns]


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    """Each test has a fresh store in memory, and nothing stays open."""
    with auth.replace_store():
        yield


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Serves URL patterns with changed settings, and returns a client that keeps Django's CSRF checks."""
    with ExitStack() as stack:

        def serve(*patterns: Any, **changed: Any) -> Client:
            stack.enter_context(override_settings(ROOT_URLCONF=Urls(patterns), **changed))
            return Client(enforce_csrf_checks=True)

        yield serve


@pytest.fixture
def async_client() -> AsyncClient:
    return AsyncClient(enforce_csrf_checks=True)


@pytest.fixture
def bear() -> Callable[..., dict[str, str]]:
    """Makes the headers of a request with a fresh token."""

    def bear(*scopes: str, subject: str = "7") -> dict[str, str]:
        return {"Authorization": f"Bearer {auth.core.start(subject, scopes).access_token}"}

    return bear


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database of Django, which tests copy."""
    file = tmp_path_factory.mktemp("django") / "migrated.db"
    unmigrated = dict.fromkeys(["auth", "contenttypes", "sessions"])  # Their tables are made at once.
    with use_database("default", file), override_settings(MIGRATION_MODULES=unmigrated):
        call_command("migrate", run_syncdb=True, verbosity=0)
    return file


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Iterator[None]:
    """Both of Django's databases, in files, so that several threads can use them."""
    with ExitStack() as stack:
        for alias in ("default", "other"):
            file = tmp_path / f"{alias}.db"
            shutil.copy(migrated, file)
            stack.enter_context(use_database(alias, file))
        yield


@contextmanager
def use_database(alias: str, file: Path) -> Iterator[None]:
    before = connections.databases[alias]["NAME"]
    connections[alias].close()
    connections.databases[alias]["NAME"] = str(file)
    del connections[alias]
    try:
        yield
    finally:
        connections[alias].close()
        connections.databases[alias]["NAME"] = before
        del connections[alias]
