"""The URL patterns of the endpoints: ``path("", include("watchword.web.django.urls"))``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, re_path

from watchword.errors import InvalidSettings
from watchword.web.django.default import auth

__all__ = ["app_name", "urlpatterns"]

app_name = "watchword"


def _make_patterns() -> Sequence[URLPattern]:
    try:
        return auth.urls[0]
    except InvalidSettings as error:
        # ``manage.py check`` imports the URLs of a project before it shows what is wrong with the settings.
        return [re_path("", _make_failing_view(error))]


def _make_failing_view(error: InvalidSettings) -> Callable[[HttpRequest], HttpResponse]:
    """Return a view that raises the error, so that no request passes for a page that is not there."""

    def fail(_: HttpRequest) -> HttpResponse:
        raise error

    return fail


urlpatterns = _make_patterns()
