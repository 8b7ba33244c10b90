"""Know the running connection, so that the methods of the Auth find its client."""

from __future__ import annotations

from contextvars import ContextVar, Token

from starlette.types import Scope

from watchword.web.asgi import AsgiRequest

__all__ = ["find_running_request", "reset_running_scope", "set_running_scope"]

_running: ContextVar[Scope | None] = ContextVar("watchword_scope", default=None)


def set_running_scope(scope: Scope) -> Token[Scope | None]:
    """Set the scope of the running connection for this task, and for the threads and tasks it starts."""
    return _running.set(scope)


def reset_running_scope(token: Token[Scope | None]) -> None:
    """Restore the scope that was set before."""
    _running.reset(token)


def find_running_request() -> AsgiRequest | None:
    """Return the running request, or ``None`` outside of requests."""
    scope = _running.get()
    return None if scope is None else AsgiRequest(scope)
