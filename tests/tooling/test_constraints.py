"""The versions that are declared are those that are tested."""

import re
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
NEEDS = {*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())}


def test_the_oldest_versions_that_are_tested_are_the_oldest_that_are_allowed():
    allowed = dict(
        re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(?:; .+)?", need).groups()
        for need in NEEDS
        if not need.startswith("watchword[")
    )
    oldest = Path("constraints/oldest.txt").read_text("utf-8")
    for name, version in allowed.items():
        assert re.search(rf"^{name}=={re.escape(version)}(\.0)* ", oldest, re.MULTILINE | re.IGNORECASE), name


def test_the_pinned_versions_are_installed_without_a_search_for_others():
    """pip finds no pin for a requirement with extras, such as ``pydantic[email]``, and takes the newest."""
    lines = [line for line in Path("Makefile").read_text("utf-8").splitlines() if "--require-hashes" in line]
    assert len(lines) >= 5
    assert [line for line in lines if "--no-deps" not in line] == []
