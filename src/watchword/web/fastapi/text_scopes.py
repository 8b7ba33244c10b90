"""Notice scopes that were given as a text, which FastAPI takes for a list of letters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

from fastapi import params
from starlette.types import Scope

from watchword.errors import InvalidSettings

__all__ = ["refuse_text_scopes"]


def refuse_text_scopes(scope: Scope, scopes: tuple[str, ...]) -> None:
    """Raise if an operation was given its scopes as a text.

    ``Security(auth.identity, scopes="read")`` requires the scopes r, e, a and d. No token has these, so the
    operation would be closed and the reason hard to see.

    Args:
        scope: the scope of a connection.
        scopes: what FastAPI has made of the scopes.

    Raises:
        InvalidSettings: the scopes were a text.
    """
    if len(scopes) < 2 or any(len(each) > 1 for each in scopes):
        return
    for security in _list_securities(scope):
        if isinstance(security.scopes, str):
            raise InvalidSettings(
                f"scopes must be a list, not a text: Security(auth.identity, scopes=[{security.scopes!r}])"
            )


def _list_securities(scope: Scope) -> Iterator[params.Security]:
    """List the ``Security`` objects of the operation that serves a connection."""
    # An operation of an included router has the dependencies of the router in this context.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    yield from (each for each in getattr(route, "dependencies", ()) if isinstance(each, params.Security))
    dependants = [getattr(route, "dependant", None)]
    while dependants:
        dependant = dependants.pop()
        if dependant is not None and dependant.call is not None:
            yield from _list_parameters(dependant.call)
            dependants.extend(dependant.dependencies)


def _list_parameters(call: Any) -> Iterator[params.Security]:
    try:
        parameters = inspect.signature(call, eval_str=True).parameters
    except (NameError, TypeError, ValueError):  # FastAPI bears annotations that cannot be evaluated.
        return
    for parameter in parameters.values():
        for value in (parameter.default, *get_args(parameter.annotation)[1:]):
            if isinstance(value, params.Security):
                yield value
