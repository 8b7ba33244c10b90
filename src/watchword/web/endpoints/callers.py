"""Find the caller of an endpoint that needs an access token of ours."""

from __future__ import annotations

from watchword.errors import MissingToken
from watchword.sessions import Identity
from watchword.web.guard import Guard, Requirements
from watchword.web.http import Request

__all__ = ["find_caller"]

_NO_REQUIREMENTS = Requirements()


def find_caller(guard: Guard, request: Request, requirements: Requirements = _NO_REQUIREMENTS) -> Identity:
    """Return the identity of the caller. Even a request with ``OPTIONS`` needs a token.

    Raises:
        WatchwordError: the same errors as :meth:`watchword.web.guard.Guard.check`.
    """
    identity = guard.check(request, requirements)
    if identity is None:  # a framework that sends OPTIONS here
        raise MissingToken
    return identity
