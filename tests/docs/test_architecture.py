"""ARCHITECTURE.md names files, functions and rooms that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "watchword"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
REFERENCES = sorted(set(re.findall(r"`([\w/]+\.py)`\s+`([A-Za-z_.]+)`", PAGE)))
DEPRECATED = {"telemetry"}


def test_the_page_shows_where_to_look():
    assert len(REFERENCES) > 30


@pytest.mark.parametrize(("file", "name"), REFERENCES)
def test_a_function_on_the_page_is_where_the_page_says(file, name):
    body = ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        assert found, f"{file} has no {name}"
        body = getattr(found[0], "body", [])


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`([\w/]+\.py)`", PAGE))))
def test_a_file_on_the_page_exists(file):
    assert (PACKAGE / file).is_file() or (ROOT / file).is_file()


def test_every_room_is_on_the_page():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in {"", ".py"} and path.stem[0] != "_"}
    table = PAGE.partition("## The rooms")[2].partition("## ")[0]
    shown = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert shown == rooms - DEPRECATED
