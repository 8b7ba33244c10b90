"""The Django app: ``"watchword.web.django"`` in ``INSTALLED_APPS``."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.signals import setting_changed

from watchword.web.django.extension import list_extensions

__all__ = ["WatchwordConfig"]


class WatchwordConfig(AppConfig):
    """Connects Watchword with the project: checks, migrations and changes of settings in tests."""

    name = "watchword.web.django"
    label = "watchword"
    verbose_name = "Watchword"

    def ready(self) -> None:
        """Connect the signals. Nothing is opened."""
        setting_changed.connect(_on_setting_changed, dispatch_uid="watchword.settings")


def _on_setting_changed(*, setting: str, **_: Any) -> None:
    """Read the settings anew after ``override_settings``."""
    if setting in {"WATCHWORD", "BASE_DIR"}:
        for extension in list_extensions():
            extension.reset()
