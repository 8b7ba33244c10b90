"""The Django app: ``"watchword.web.django"`` in ``INSTALLED_APPS``."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate

from watchword.auth import Auth
from watchword.web.django.checks import register_checks
from watchword.web.django.extension import list_extensions
from watchword.web.django.own_users.signals import UserSignals
from watchword.web.django.upgrades import on_migrated

__all__ = ["WatchwordConfig"]


class WatchwordConfig(AppConfig):
    """Connects Watchword with the project: checks, migrations and changes of settings in tests."""

    name = "watchword.web.django"
    label = "watchword"
    verbose_name = "Watchword"

    def ready(self) -> None:
        """Register the checks and connect the signals. Nothing is opened."""
        register_checks()
        post_migrate.connect(on_migrated, sender=self, dispatch_uid="watchword.migrate")
        setting_changed.connect(_on_setting_changed, dispatch_uid="watchword.settings")
        if apps.is_installed("django.contrib.auth"):
            UserSignals(_list_auths).connect()
        if apps.is_installed("drf_spectacular"):
            import_module("watchword.web.django.rest_framework.schema")  # It registers itself.


def _list_auths() -> Iterable[Auth]:
    """List the Auths of the extensions at which Django's users log in."""
    return [extension.core for extension in list_extensions() if extension.has_django_users]


def _on_setting_changed(*, setting: str, **_: Any) -> None:
    """Read the settings anew after ``override_settings``."""
    if setting in {"WATCHWORD", "BASE_DIR"}:
        for extension in list_extensions():
            extension.reset()
