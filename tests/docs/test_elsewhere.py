"""Each recipe of docs/elsewhere.md is a file that tests/interop runs, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = Path("docs/elsewhere.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- recipe: ([\w.]+) -->\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL))
RECIPES = {
    path.name: path.read_text("utf-8") for path in Path("tests/interop/recipes").iterdir() if path.is_file()
}
NOT_RUN = {"go_oidc.go", "envoy.yaml"}


def test_the_page_has_all_recipes() -> None:
    assert BLOCKS.keys() == RECIPES.keys()
    assert DOCUMENT.count("```") == 2 * (len(BLOCKS) + 1)  # and the only block in Python that uses Watchword


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_the_page_is_the_file(name) -> None:
    assert BLOCKS[name] == RECIPES[name]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_run_or_the_page_says_that_it_is_not(name) -> None:
    before = DOCUMENT[: DOCUMENT.index(f"<!-- recipe: {name} -->")].rsplit("\n#", 1)[1]
    assert ("The test suite does not run this recipe" in before) == (name in NOT_RUN)


def test_the_verifier_of_the_page_expects_what_the_page_says() -> None:
    (block,) = re.findall(r"<!-- test: watchword -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/elsewhere.md", "exec"), names)
    verifier = names["verifier"]
    assert (verifier.issuers, verifier.audiences) == ({"https://login.example"}, {"watchword"})
