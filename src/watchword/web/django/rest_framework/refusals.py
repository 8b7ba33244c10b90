"""Turn our errors into exceptions of Django REST framework, which keeps its own bodies."""

from __future__ import annotations

import math

from django.http import HttpRequest
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied

from watchword.errors import Unavailable, WatchwordError
from watchword.web.credentials import to_public_code
from watchword.web.django.pending_headers import find_pending_header, record_refusal
from watchword.web.installation import Installation

__all__ = ["refuse"]


def refuse(request: HttpRequest, installation: Installation, error: WatchwordError) -> APIException:
    """Return the exception for an error that has a status, and raise any other error again.

    An error without a status is a mistake of the application. Its answer is a 500, with a traceback in the
    log.

    Args:
        request: the request, for which the headers of the refusal are recorded.
        installation: the installation whose guard refuses the request.
        error: why the request is refused.

    Returns:
        The exception. An ``EXCEPTION_HANDLER`` of the project finds the error in its ``__cause__``.
    """
    exception = _make_exception(error)
    record_refusal(request, installation, error)
    exception.auth_header = find_pending_header(request, "WWW-Authenticate")
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
