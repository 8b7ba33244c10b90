"""The Django project of this process. Django can be configured only once in a process."""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings

__all__ = ["ISSUER", "configure_django"]

ISSUER = "https://login.example"
APPS = Path(__file__).parents[1] / "web" / "django" / "apps"


def configure_django() -> None:
    """Configure Django for the tests, unless another file of tests has done so."""
    if settings.configured:
        return
    sys.path.insert(0, str(APPS))
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
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "watchword.web.django.IdentityMiddleware",
        ],
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
