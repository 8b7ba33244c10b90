"""The adapters that the suite drives, and what each may do in its own way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["ADAPTERS", "APPLICATIONS", "Adapter"]

APPLICATIONS = Path(__file__).with_name("applications").absolute()


class Adapter(NamedTuple):
    """An adapter.

    Attributes:
        name: the application is ``applications/<name>_app.py``.
        command: serves the application with two workers. ``{port}`` stands for the port.
        find_code: finds the error code in the JSON body of a guard's refusal. ``None`` where the framework
            has bodies of its own. The challenge holds the code in every adapter.
    """

    name: str
    command: str
    find_code: Callable[[Any], str] | None = lambda body: body["error"]

    @property
    def module(self) -> str:
        return f"{self.name}_app"

    def to_command(self, port: int) -> list[str]:
        program, *arguments = self.command.format(port=port).split()
        return [str(Path(sys.executable).with_name(program)), *arguments]

    def check_code(self, body: bytes, code: str) -> None:
        """Assert that a guard's refusal has this code in its body."""
        if self.find_code is not None:
            assert self.find_code(json.loads(body)) == code


ADAPTERS = [
    Adapter("flask", "granian --interface wsgi --workers 2 --port {port} flask_app:app"),
    Adapter("django", "granian --interface wsgi --workers 2 --port {port} django_app:app"),
    Adapter("django_async", "uvicorn --workers 2 --port {port} django_async_app:app"),
    Adapter("drf", "granian --interface wsgi --workers 2 --port {port} drf_app:app", find_code=None),
    Adapter("ninja", "uvicorn --workers 2 --port {port} ninja_app:app", find_code=None),
    Adapter("starlette", "granian --interface asgi --workers 2 --port {port} starlette_app:app"),
    Adapter("fastapi", "uvicorn --workers 2 --port {port} fastapi_app:app"),
]
