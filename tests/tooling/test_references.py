"""Every cross reference in a docstring or comment names something that exists."""

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType

from django_setup import configure_django

configure_django()  # The classes for django-ninja are imported only in a project.

SOURCES = Path(__file__).parents[2] / "src"
FILES = sorted(SOURCES.rglob("*.py"))
REFERENCE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):`~?([\w.]+)(?:\(\))?`")


def find_unresolved(path: Path) -> list[str]:
    """Return the references of a file that resolve neither in it nor from the package."""
    text = path.read_text()
    name = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    unresolved = []
    for found in REFERENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        around = [node.name for node in classes if node.lineno <= line <= (node.end_lineno or 0)]
        scopes: list[object] = [*(getattr(module, each) for each in around), module]
        names = found[1].split(".")
        if not any(has(scope, names) for scope in scopes) and not has_module(names):
            unresolved.append(f"{path.relative_to(SOURCES)}:{line} {found[0]}")
    return unresolved


def has(scope: object, names: list[str]) -> bool:
    """Return whether names lead from an object to something. An annotation is enough for the last name."""
    for position, name in enumerate(names, 1):
        if isinstance(scope, type) and position == len(names):
            return hasattr(scope, name) or any(
                name in vars(each).get("__annotations__", {}) for each in scope.__mro__
            )
        if not hasattr(scope, name):
            return False
        scope = getattr(scope, name)
    return True


def has_module(names: list[str]) -> bool:
    """Return whether a name that begins with a module leads to something."""
    for length in range(len(names), 0, -1):
        try:
            module: ModuleType = importlib.import_module(".".join(names[:length]))
        except ModuleNotFoundError:
            continue
        return has(module, names[length:])
    return False


def test_every_reference_leads_somewhere():
    assert [reference for path in FILES for reference in find_unresolved(path)] == []


def test_a_reference_that_leads_nowhere_is_found(tmp_path, monkeypatch):
    (tmp_path / "lost.py").write_text(
        '"""See :mod:`json`, :func:`json.loads` and :class:`Here`, not :func:`json.there`."""\n'
        "class Here:\n"
        '    """Has :meth:`go`, not :meth:`stay`."""\n'
        "    def go(self): ...\n"
    )
    monkeypatch.setattr(f"{__name__}.SOURCES", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_unresolved(tmp_path / "lost.py") == [
        "lost.py:1 :func:`json.there`",
        "lost.py:3 :meth:`stay`",
    ]
