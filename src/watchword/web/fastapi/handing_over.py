"""Refuse dependencies that are used without ``Depends``, with the line to write."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper, wraps
from typing import Any, NoReturn, TypeVar

from starlette.requests import HTTPConnection

from watchword.errors import InvalidSettings

__all__ = ["Dependency", "FunctionDependency", "refuse_bare_call"]

R = TypeVar("R")


class Dependency:
    """What an application hands over to ``Depends`` or ``Security``.

    Attributes:
        written: how an application writes it, such as ``auth.identity``.
    """

    written: str

    def refuse(self) -> NoReturn:
        """Raise an error that says what to write.

        Raises:
            InvalidSettings: always.
        """
        raise InvalidSettings(
            f"hand {self.written} over without calling it: Depends({self.written}), "
            f"or Security({self.written}, scopes=[...])"
        )

    @property
    def dependency(self) -> NoReturn:
        """Refuse ``dependencies=[auth.identity]``. FastAPI expects a ``Depends``, and asks for this."""
        self.refuse()

    def __deepcopy__(self, _: Any) -> NoReturn:
        """Refuse ``def view(identity=auth.identity)``, which guards nothing. FastAPI copies the default."""
        self.refuse()


class FunctionDependency(Dependency):
    """A dependency that is a function.

    Args:
        function: has the parameter ``conn``.
        written: how an application writes the dependency.
    """

    def __init__(self, function: Callable[..., Any], written: str) -> None:
        update_wrapper(self, function)  # FastAPI looks through this wrapper, and finds a coroutine function.
        self.written = written
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, as FastAPI does.

        Raises:
            InvalidSettings: an application has called it, in place of handing it over.
        """
        if _is_bare_call(args, kwargs):
            self.refuse()
        return self._function(*args, **kwargs)


def refuse_bare_call(method: Callable[..., R]) -> Callable[..., R]:
    """Decorate the ``__call__`` of a dependency, so that an application cannot call it by mistake."""

    @wraps(method)  # FastAPI looks through this wrapper, too.
    def call(self: Dependency, *args: Any, **kwargs: Any) -> R:
        if _is_bare_call(args, kwargs):
            self.refuse()
        return method(self, *args, **kwargs)

    return call


def _is_bare_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a call has no connection. FastAPI calls with names, an application as it likes."""
    return "conn" not in kwargs and not any(isinstance(value, HTTPConnection) for value in args)
