"""ARCHITECTURE.md names files, functions and rooms that exist.

The rooms stand in the order of the layers in pyproject.toml.
"""

import ast
import re
import tomllib
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


def test_the_rooms_on_the_page_are_the_layers_in_their_order():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = tools["importlinter"]["contracts"][0]["layers"]  # Exhaustive, so every room is in them.
    table = PAGE.partition("## The rooms")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    shown = [set(re.findall(r"`(\w+)`", row)) for row in rows]
    assert shown == [set(re.findall(r"\w+", layer)) - DEPRECATED for layer in layers]
