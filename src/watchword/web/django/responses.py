"""Turn our responses and errors into responses of Django."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from watchword.errors import WatchwordError
from watchword.web.http import Response
from watchword.web.installation import Installation

__all__ = ["to_django_response", "to_refusal", "vary_response"]


def to_django_response(response: Response) -> HttpResponse:
    """Return our response as Django's."""
    answer = HttpResponse(response.body, status=response.status)
    del answer.headers["Content-Type"]  # Django guesses a type even without a body.
    for name, value in response.headers:
        if name == "Set-Cookie":  # Django keeps a single field of each other name.
            answer.cookies.load(value)
        else:
            answer.headers[name] = value
    return answer


def to_refusal(installation: Installation, error: WatchwordError) -> HttpResponse:
    """Return the response for an error that has a status, and raise any other error again.

    An error without a status is a mistake of the application. Django treats it as any other exception.

    Returns:
        The response. Its attribute ``watchword_error`` is the error, for a middleware of the project that
        writes errors in a format of its own.
    """
    if error.status is None:
        raise error
    response = to_django_response(installation.to_error_response(error))
    response.watchword_error = error
    return response


def vary_response(response: Any, token_header: str) -> Any:
    """Let caches keep the pages of users apart, and return the response.

    Django's own cache does not know that a response to a request with a token must not be shared
    (RFC 9111 §3.5). It would serve the page of a user to every client, before the guard of the view.

    Args:
        response: what a guarded view returned. It is not changed unless it is a response of Django.
        token_header: the header that holds the token.
    """
    if isinstance(response, HttpResponseBase):
        fields = response.headers._store  # noqa: SLF001 - setting a field in the public way takes as long as the guard
        if "vary" in fields:
            patch_vary_headers(response, [token_header])
        else:
            fields["vary"] = ("Vary", token_header)
    return response
