"""docs/attacks.md names tests that there are, and advisories under their own address."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

DOCUMENT = Path("docs/attacks.md").read_text("utf-8")
ATTACKS, UNBUILT = DOCUMENT.split("\n## Not built yet\n")
SECTIONS = dict(re.findall(r"^### (.+)\n((?:(?!##).*\n?)*)", ATTACKS, re.MULTILINE))
TEST = re.compile(r"((?:tests|src)/[\w/]+\.py)::(\w+)")  # every store is held to those in src


@cache
def functions(path: str) -> frozenset[str]:
    module = ast.parse(Path(path).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(DOCUMENT)

    assert named
    assert [f"{path}::{name}" for path, name in named if name not in functions(path)] == []


@pytest.mark.parametrize("attack", SECTIONS)
def test_an_attack_is_told_with_what_stops_it_and_at_least_one_test(attack: str) -> None:
    paragraphs = re.split(r"\n\n+", SECTIONS[attack].strip())
    *prose, tests = [text for text in paragraphs if not text.startswith("Known from:")]

    assert len(prose) == 2
    assert all(re.fullmatch(rf"- `{TEST.pattern}`", line) for line in tests.splitlines())
    assert len(set(tests.splitlines())) == len(tests.splitlines())


def test_every_heading_is_an_attack_of_its_own() -> None:
    assert len(SECTIONS) == len(re.findall(r"^### ", DOCUMENT, re.MULTILINE)) > 0


def test_an_advisory_leads_to_its_own_page() -> None:
    pages = dict(re.findall(r"^\[(CVE-\d+-\d+)\]: (\S+)$", UNBUILT, re.MULTILINE))

    assert set(pages) == set(re.findall(r"\[(CVE-\d+-\d+)\](?!:)", ATTACKS))
    assert all(page == f"https://nvd.nist.gov/vuln/detail/{advisory}" for advisory, page in pages.items())
