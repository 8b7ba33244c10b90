"""The example project of Django in a folder of its own, with changed settings, and its commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from watchword_servers import clean_environment

__all__ = ["ACCOUNTS", "PASSWORD", "DjangoProject"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "django_project"
PASSWORD = "correct horse battery"
# Settings for a project whose users are the accounts in the store.
ACCOUNTS = 'del WATCHWORD["SCOPES_FROM"]\nWATCHWORD["USERS"] = "accounts"'
MAKE_USER = f"""
from django.contrib.auth.models import Group, User
user = User.objects.create_user("alice", password={PASSWORD!r})
user.groups.add(Group.objects.create(name="reports"))
"""


class DjangoProject:
    """A copy of the example.

    Args:
        folder: where the copy is made.
        settings: text that is added to the settings.

    Attributes:
        folder: holds ``manage.py`` and the databases.
    """

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder = folder / "project"
        shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
        self.add_settings(settings)

    def add_settings(self, text: str) -> None:
        """Add text to the settings."""
        with (self.folder / "mysite" / "settings.py").open("a") as file:
            file.write(f"\n{text}\n")

    def manage(
        self, *arguments: str, status: int = 0, given: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py``."""
        return self.run("manage.py", *arguments, status=status, given=given, **environment)

    def run(
        self, *arguments: str, status: int = 0, given: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in the folder."""
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env=clean_environment({"HOME": str(self.folder), **environment}),
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def add_alice(self) -> None:
        """Make the tables, and a user in the group ``reports``."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("shell", "--verbosity", "0", "-c", MAKE_USER)
