"""What the tests of this folder share: a Django project, whose URLs and settings each test gives."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "watchword.web.django.IdentityMiddleware",
]
ISSUER = "https://login.example"

sys.path.insert(0, str(Path(__file__).with_name("apps")))

if not settings.configured:  # Django is configured once in a process.
    settings.configure(
        SECRET_KEY="tested" * 10,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(),
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "rest_framework",
            "drf_spectacular",
            "people",
            "watchword.web.django",
        ],
        MIDDLEWARE=MIDDLEWARE,
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        PASSWORD_HASHERS=[
            "django.contrib.auth.hashers.MD5PasswordHasher",  # the cheapest
            "people.hashers.OutdatedHasher",
        ],
        USE_TZ=True,
        WATCHWORD={"ISSUER": ISSUER, "AUDIENCE": "api", "DATABASE_URL": "sqlite://", "USERS": "accounts"},
    )
    django.setup()

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
