"""The adapters, and an application for each that the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adapter_table import ADAPTERS, APPLICATIONS, Adapter
from application_process import Application, run_python, serve
from applications.contract import ACCOUNTS


@pytest.fixture(scope="session", params=ADAPTERS, ids=lambda adapter: adapter.name)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Each adapter in turn."""
    chosen: Adapter = request.param
    return chosen


@pytest.fixture(scope="session")
def folder(adapter: Adapter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database of an adapter's application is, with its accounts."""
    made = tmp_path_factory.mktemp(adapter.name)
    run_python(made, str(APPLICATIONS / f"{adapter.module}.py"))
    return made


@pytest.fixture(scope="session")
def application(adapter: Adapter, folder: Path) -> Iterator[Application]:
    with serve(adapter, folder) as application:
        yield application


@pytest.fixture(scope="session")
def tokens(application: Application) -> dict[str, Any]:
    """The access token of each account. No test ends its session."""
    return {name: application.login(name)["access_token"] for name in ACCOUNTS if name != "carol"}
