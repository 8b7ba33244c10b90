"""Examples are run as a user would run them: in a directory of their own."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def load(tmp_path, monkeypatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports an example anew, as each worker process does."""
    monkeypatch.chdir(tmp_path)
    loaded = []

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        example = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(example)
        loaded.append(example)
        return example

    yield load
    for example in loaded:
        example.app.extensions["watchword"].close()
