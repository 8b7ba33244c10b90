"""A feature whose framework is not installed names its own extra, in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT = """
import sys
sys.modules[{framework!r}] = None
import django.conf
django.conf.settings.configure()
import {module}
"""


@pytest.mark.parametrize(
    ("module", "framework", "extra"),
    [
        ("watchword.web.django.rest_framework", "rest_framework", "drf"),
        ("watchword.web.django.ninja", "ninja", "ninja"),
    ],
)
def test_the_error_names_the_extra(module, framework, extra):
    code = IMPORT.format(module=module, framework=framework)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert (
        last == f"watchword.errors.usage.MissingExtra: this needs an extra: pip install 'watchword[{extra}]'"
    )
