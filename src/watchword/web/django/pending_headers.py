"""Headers for the response of a request that a framework inside of Django refuses in its own way."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from watchword.errors import WatchwordError
from watchword.web.installation import Installation

__all__ = ["add_pending_headers", "find_pending_header", "record_refusal"]

_HEADERS = "_watchword_headers"
_NAMES = frozenset({"WWW-Authenticate", "Retry-After"})
_REFUSALS = frozenset({400, 401, 403, 503})


def record_refusal(request: HttpRequest, installation: Installation, error: WatchwordError) -> None:
    """Record the headers that the response to a refused request needs. The latest refusal counts."""
    headers = installation.to_error_response(error).headers
    request.__dict__[_HEADERS] = {name: value for name, value in headers if name in _NAMES}


def find_pending_header(request: HttpRequest, name: str) -> str | None:
    """Return a recorded header, or ``None``."""
    return request.__dict__.get(_HEADERS, {}).get(name)  # type: ignore[no-any-return]


def add_pending_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    """Add the recorded headers to a refusal, unless the response has them already."""
    pending = request.__dict__.get(_HEADERS)
    if pending and response.status_code in _REFUSALS:
        for name, value in pending.items():
            response.headers.setdefault(name, value)
