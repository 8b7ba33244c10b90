"""Upgrade our tables when the project runs ``manage.py migrate``."""

from __future__ import annotations

import sys
from typing import Any

from django.core import mail
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX

from watchword.errors import WatchwordError
from watchword.stores import SchemaUpgrade, is_in_memory, upgrade_schema
from watchword.web.django.extension import list_extensions

__all__ = ["on_migrated"]


def on_migrated(*, using: str, verbosity: int = 1, stdout: Any = None, **_: Any) -> None:
    """Bring our tables up to date after Django's tables, and print what was done.

    Our tables lie beside Django's. So this happens once, for the default database, and not for a database of
    a test: each test has a store of its own.
    """
    if using != DEFAULT_DB_ALIAS or _is_test_database(using):
        return
    urls = {
        extension.installation.settings.database_url: None
        for extension in list_extensions()
        if extension.installation.opens_database
    }
    for url in urls:
        if not is_in_memory(url):
            _report(_upgrade(url), verbosity, stdout or sys.stdout)


def _upgrade(url: str) -> SchemaUpgrade:
    try:
        return upgrade_schema(url)
    except WatchwordError as error:
        raise CommandError(f"Watchword: {error}") from error


def _report(upgrade: SchemaUpgrade, verbosity: int, stdout: Any) -> None:
    if verbosity >= 1:
        stdout.write(f"Watchword: {upgrade}.\n")


def _is_test_database(using: str) -> bool:
    """Return whether Django has made this database for tests.

    A database that is only called so is upgraded when the store is opened.
    """
    described = connections[using].settings_dict
    name = str(described["NAME"])
    is_named_so = name.startswith(TEST_DATABASE_PREFIX) or name == (described.get("TEST") or {}).get("NAME")
    return is_named_so or "mode=memory" in name or name == ":memory:" or hasattr(mail, "outbox")
