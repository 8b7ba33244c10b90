import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

import watchword

EXTRAS = [
    "flask", "werkzeug", "sqlalchemy", "argon2", "click", "rich", "granian", "urllib3",
    "opentelemetry", "prometheus_client",
]  # fmt: skip
ROOMS_OF_THE_FRONT_DESK = [
    "watchword.auth",
    "watchword.logins",
    "watchword.sessions",
    "watchword.stores",
    "watchword.web",
]

WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
import watchword
try:
    {statement}
except watchword.WatchwordError as error:
    print(type(error).__name__, isinstance(error, ImportError), error)
"""


WITHOUT_EXTRAS = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
import watchword
{use}
print(*set(dir(watchword)) & {{"Auth", "RemoteKeySet", "Verifier"}})
"""


def run(script: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


def test_importing_the_package_imports_no_extra_and_no_front_desk():
    script = "import sys, watchword, watchword.monitoring; print(*sys.modules, sep='\\n')"
    imported = set(run(script).split())
    assert "watchword.jwt.verifier" in imported
    assert not imported.intersection([*EXTRAS, *ROOMS_OF_THE_FRONT_DESK])


def test_issuing_and_verifying_imports_no_extra():
    script = """
import sys
from watchword import Issuer, Key, Verifier
key = Key.generate("HS256")
Verifier(key, issuer="i").verify(Issuer("i", key).issue("7"))
print(*sys.modules, sep="\\n")
"""
    assert not set(run(script).split()).intersection(EXTRAS)


@pytest.mark.parametrize("name", watchword.__all__)
def test_every_public_name_is_there_and_its_own_home_s(name):
    public = getattr(watchword, name)
    assert getattr(importlib.import_module(public.__module__), name) is public


def test_all_is_sorted_and_is_what_dir_shows():
    assert watchword.__all__ == sorted(watchword.__all__)
    assert dir(watchword) == watchword.__all__


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(Path(watchword.__file__).read_text("utf-8"))
    (written,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert ast.literal_eval(written) == watchword.__all__


@pytest.mark.parametrize("use", ["from watchword import *", "import pydoc; pydoc.render_doc(watchword)"])
def test_without_any_extra_there_is_the_rest(use):
    assert run(WITHOUT_EXTRAS.format(extras=EXTRAS, use=use)) == "Verifier\n"


def test_the_version_is_that_of_the_project():
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    assert watchword.__version__ == project["version"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'login'"):
        _ = watchword.login
    with pytest.raises(ImportError):
        from watchword import decode  # noqa: F401, PLC0415 -- it is not there


@pytest.mark.parametrize(
    ("module", "extra", "statement"),
    [
        ("sqlalchemy", "sql,passwords", "watchword.Auth('sqlite://')"),
        ("argon2", "sql,passwords", "watchword.Auth"),
        (
            "redis",
            "redis",
            "watchword.Auth('sqlite://', settings=watchword.Settings(sessions_url='redis://localhost'))",
        ),
        ("flask", "flask", "import watchword.web.flask"),
        ("argon2", "flask", "import watchword.web.flask"),
        ("django", "django", "import watchword.web.django"),
        ("argon2", "django", "import watchword.web.django"),
        ("starlette", "starlette", "import watchword.web.starlette"),
        ("argon2", "starlette", "import watchword.web.starlette"),
        ("fastapi", "fastapi", "import watchword.web.fastapi"),
        ("starlette", "fastapi", "import watchword.web.fastapi"),
        ("mcp", "mcp", "import watchword.web.mcp"),
        ("argon2", "mcp", "import watchword.web.mcp"),
        ("opentelemetry", "otel", "from watchword.monitoring import Telemetry"),
        ("prometheus_client", "server", "import watchword.monitoring.prometheus"),
        ("urllib3", "remote", "watchword.RemoteKeySet"),
        ("urllib3", "remote", "from watchword import FetchPolicy"),
        ("urllib3", "remote", "from watchword.providers import IssuerKeySet"),
        ("urllib3", "remote", "watchword.Verifier.from_issuer('https://idp.example', audience='api')"),
    ],
)
def test_a_missing_extra_says_which_line_installs_it(module, extra, statement):
    said = run(WITHOUT.format(module=module, statement=statement))
    assert said.startswith("MissingExtra True ")
    assert f"pip install 'watchword[{extra}]'" in said


def test_every_public_module_says_what_is_public():
    for found in pkgutil.walk_packages(watchword.__path__, "watchword."):
        if found.name.rpartition(".")[2].startswith("_"):
            continue
        module = importlib.import_module(found.name)
        if found.ispkg and not hasattr(module, "__all__"):
            assert module.__doc__  # an empty room, or one whose modules are imported one by one
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the old place of a name says so
            assert all(hasattr(module, name) for name in module.__all__), found.name


@pytest.mark.parametrize("package", [watchword, watchword.jwt], ids=lambda package: package.__name__)
def test_the_old_name_of_inspect_unverified_works_and_warns(package):
    name = f"{package.__name__}.inspect"
    with pytest.warns(DeprecationWarning, match=f"^{name} is deprecated: use {name}_unverified$") as seen:
        assert package.inspect is package.inspect_unverified
    assert seen[0].filename == __file__
    assert "inspect" not in package.__all__
