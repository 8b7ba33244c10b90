"""Turn our errors into exceptions of Django REST framework, which keeps its own bodies."""

from __future__ import annotations

import math

from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied

from watchword.errors import Unavailable, WatchwordError
from watchword.web.credentials import to_public_code

__all__ = ["to_api_exception"]


def to_api_exception(error: WatchwordError) -> APIException:
    """Return the exception for an error that has a status, and raise any other error again.

    An error without a status is a mistake of the application. Its answer is a 500, with a traceback in the
    log.

    Returns:
        The exception. ``__cause__`` is the error, for an ``EXCEPTION_HANDLER`` of the project. Django REST
        framework writes a 401 with the challenge of the authentication class.
    """
    exception = _make_exception(error)
    exception.__cause__ = error
    return exception


def _make_exception(error: WatchwordError) -> APIException:
    detail, code = str(error), to_public_code(error)
    if error.status == 401:
        return AuthenticationFailed(detail, code)
    if error.status == 403:
        return PermissionDenied(detail, code)
    if error.status is None:
        raise error
    exception = APIException(detail, code)
    exception.status_code = error.status
    if isinstance(error, Unavailable):
        exception.wait = max(1, math.ceil(error.retry_after))  # the header Retry-After
    return exception
