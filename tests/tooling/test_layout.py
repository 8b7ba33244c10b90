"""What every file of the checkout keeps to, whatever room it belongs to."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

# written apart, so that this file does not name what it looks for
REGISTRIES = re.compile(
    "|".join(
        rf"{name}\.{domain}"
        for name, domain in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "(org|com)"),
            ("crates", "io"),
            ("rubygems", "org"),
            ("anaconda", "org"),
            ("golang", "org"),
        ]
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.~])/(work|root|home|Users)/")


def listed_files() -> list[Path]:
    """Every file that is tracked, or would be by ``git add``."""
    answer = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = {ROOT / name for name in answer.stdout.decode().split("\0") if name}
    return sorted(path for path in paths if path.is_file())


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    """Each line of each file, with its place."""
    return [
        (f"{path.relative_to(ROOT)}:{number}", line)
        for path in listed_files()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1)
    ]


@pytest.mark.parametrize(
    "pattern", [REGISTRIES, MACHINE_PATHS], ids=["package registries", "paths of one machine"]
)
def test_no_file_names_what_belongs_to_somebody_elses_machine(lines, pattern):
    assert [place for place, line in lines if pattern.search(line)] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "https://files.python" + "hosted.org/packages"),
        (REGISTRIES, "index-url = https://py" + "pi.org/simple"),
        (MACHINE_PATHS, "open('/" + "work/main/x')"),
        (MACHINE_PATHS, "file:///" + "home/me/x"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern, line):
    assert pattern.search(line)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_says_what_it_is_for_and_what_it_offers(path):
    module = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(module)
    beyond_the_docstring = module.body[1:]
    assert not beyond_the_docstring or "__all__" in assigned(module)


def assigned(module: ast.Module) -> set[str]:
    """The names that a module assigns at its top level, also those that only type checkers read."""
    nodes = [inner for node in module.body for inner in (node.body if isinstance(node, ast.If) else [node])]
    return {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
