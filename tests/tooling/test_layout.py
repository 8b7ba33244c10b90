"""What every file of the checkout keeps to, whatever room it belongs to."""

import ast
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
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


MAX_LINES = 450
MAX_MODULES = 20


def test_no_source_file_is_longer_than_a_reader_takes_in():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {str(path): length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_no_folder_holds_more_modules_than_a_reader_takes_in():
    folders = Counter(str(path.parent.relative_to(ROOT)) for path in SOURCES if path.name != "__init__.py")
    assert {folder: number for folder, number in folders.items() if number > MAX_MODULES} == {}


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("watchword", cache_dir=None)
    TopologicalSorter({m: graph.find_modules_directly_imported_by(m) for m in graph.modules}).prepare()


EXTENSIONS = {"Watchword"}  # Each adapter has one, so who knows an adapter knows all.


def test_no_two_classes_have_the_same_name():
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in EXTENSIONS} == {}


# Words that end like participles and are verbs.
VERBS = {"bring", "embed", "feed", "need", "seed"}
# Participles of irregular verbs, adjectives and particles.
NO_VERBS = {
    *("built", "cut", "drawn", "found", "given", "held", "kept", "known", "left", "made", "sent", "shown"),
    *("spent", "taken", "told", "written"),
    *("due", "far", "fit", "good", "missing", "next", "only", "own", "plain", "usable"),
    *("all", "at", "beyond", "by", "each", "elsewhere", "for", "half", "in", "into", "never", "of", "out"),
    *("through", "up", "with", "without"),
}
EXCEPTIONS = {
    "without_signature": "a constructor as from_issuer is; the danger stands in the name",
}


def list_functions() -> Iterator[tuple[str, str]]:
    """The place and the name of every function that a developer has named."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_property(node):
                continue
            if not is_old_name(node) and not node.name.startswith(("__", "test_")):
                yield f"{path.relative_to(ROOT / 'src')}:{node.lineno}", node.name


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(name, ast.Name) and name.id == "property" for name in node.decorator_list)


def is_old_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function only warns that it has another name now."""
    calls = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
    return any(isinstance(called, ast.Name) and called.id == "warn_renamed" for called in calls)


def is_named_by_no_verb(name: str) -> bool:
    first = name.lstrip("_").partition("_")[0]
    return first in NO_VERBS or (first.endswith(("ed", "ing")) and first not in VERBS)


def test_functions_are_not_named_by_participles_or_particles():
    misnamed = [(place, name) for place, name in list_functions() if is_named_by_no_verb(name)]
    assert [f"{place} {name}" for place, name in misnamed if name not in EXCEPTIONS] == []


@pytest.mark.parametrize(
    "name", ["_accepted", "failed", "in_threads", "_through", "_missing_file", "signing"]
)
def test_names_without_a_verb_are_found(name):
    assert is_named_by_no_verb(name)


@pytest.mark.parametrize("name", ["parse", "_open_tunnel", "bring_back", "is_good", "to_seconds", "seed"])
def test_names_with_a_verb_pass(name):
    assert not is_named_by_no_verb(name)
