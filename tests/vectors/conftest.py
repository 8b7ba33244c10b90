"""Published vectors as data: each case is a test of its own, with the case's id in its name.

A test says where its cases come from with ``@pytest.mark.vectors("argument, names", cases)``; ``cases`` is a
function that takes :func:`load` and gives ``pytest.param``s. A test of a single example asks for the fixture
``load``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(os.environ.get("WATCHWORD_VECTORS", Path(__file__).parents[3] / "shared" / "vectors"))
MISSING = "the published vectors are not part of a clone; WATCHWORD_VECTORS names their folder"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vectors(names, cases): one test for each case of published vectors")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for marker in metafunc.definition.iter_markers("vectors"):
        names, cases = marker.args
        metafunc.parametrize(names, list(cases(read)) if VECTORS.is_dir() else [nothing(names)])


@pytest.fixture
def load() -> Callable[[str], Any]:
    if not VECTORS.is_dir():
        pytest.skip(MISSING)
    return read


def read(name: str) -> Any:
    """The content of a file of vectors: ``load("rfc7638/section_3_1.json")``."""
    return json.loads((VECTORS / name).read_text())


def nothing(names: str) -> Any:
    return pytest.param(*[None] * len(names.split(",")), id="missing", marks=pytest.mark.skip(reason=MISSING))
