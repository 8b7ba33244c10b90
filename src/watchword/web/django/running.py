"""The running request, so that a login knows its client without being told."""

from __future__ import annotations

from contextvars import ContextVar, Token

from django.http import HttpRequest

from watchword.sessions import Identity
from watchword.web.current import set_identity
from watchword.web.django.requests import DjangoRequest

__all__ = ["find_django_request", "find_running_request", "reset_request", "set_request", "share_identity"]

_running: ContextVar[HttpRequest | None] = ContextVar("watchword_django_request", default=None)


def set_request(request: HttpRequest) -> Token[HttpRequest | None]:
    """Set the running request of the current task or thread. Return what :func:`reset_request` needs."""
    return _running.set(request)


def reset_request(token: Token[HttpRequest | None]) -> None:
    """Restore the request that was set before."""
    _running.reset(token)


def find_django_request() -> HttpRequest | None:
    """Return Django's running request, or ``None`` outside of requests."""
    return _running.get()


def share_identity(identity: Identity | None) -> None:
    """Let ``current_identity`` find the identity that a class of another framework has found in a view.

    Does nothing without the middleware, which restores what was set before: the thread would keep it.
    """
    if _running.get() is not None:
        set_identity(identity)


def find_running_request() -> DjangoRequest | None:
    """Return the running request, or ``None`` outside of requests."""
    request = _running.get()
    return None if request is None else DjangoRequest(request)
