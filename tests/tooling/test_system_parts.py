"""A test whose program is missing is skipped and counted. In continuous integration it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[1] / "services"
TESTS = """
import pytest
import system_parts

system_parts.SYSTEM_FOLDERS = ""


@pytest.mark.parametrize("number", [1, 2])
def test_with_nginx(find_part, number):
    find_part("nginx")


def test_with_the_program_of_a_later_release(find_part):
    system_parts.PARTS["later"] = system_parts.Part("later", "later-bin")
    find_part("later")


def test_with_nothing():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Runs the tests above with another ``CI``, where no program is installed; two workers run them."""

    def run(ci: str) -> subprocess.CompletedProcess:
        (tmp_path / "test_parts.py").write_text(TESTS)
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "system_parts",
                "-p",
                "xdist",
                "-p",
                "no:cacheprovider",
                "-n2",
                ".",
            ],
            cwd=tmp_path,
            # Importing the other plugins takes most of the time.
            env={
                **os.environ,
                "PYTHONPATH": str(SERVICES),
                "PATH": "",
                "CI": ci,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("ci", ["", "false"])
def test_the_tests_of_a_missing_program_are_skipped_and_counted_by_reason(run, ci):
    ended = run(ci)
    assert ended.returncode == 0, ended.stdout
    assert "skipped 2 tests: nginx is not installed (apt-get install nginx)" in ended.stdout
    assert "skipped 1 test: later is not installed (apt-get install later-bin)" in ended.stdout
    assert "1 passed, 3 skipped" in ended.stdout


def test_a_skipped_test_is_a_failure_in_continuous_integration(run):
    ended = run("true")
    assert ended.returncode == 1
    assert "with CI set nothing is skipped: nginx is not installed" in ended.stdout
    assert "skipped 2" not in ended.stdout
